"""The files of one job: everything under ``evolution/<job>/``, who writes it and how it is read back.

========================  ==========================================  ========================
file                      what                                        module
========================  ==========================================  ========================
``input/``                the images the user gave                    (moved there by the claim)
``job.json``              every setting, digests, versions, state     ``job_file``
``losses.jsonl``          one line per step                           ``losses``
``frames/000123.jpg``     the picture becoming itself                 ``frames``, ``frame_writer``
``checkpoint/``           two slots to go on from                     ``checkpoint``, ``checkpoint_writer``
``result.png``            the picture, or ``.tif`` or ``.jpg``        ``styled.images.save``
``evolution.webp``        the frames as one animation                 ``timelapse``
``views/``                small copies for the gallery                ``styled.gallery.views``
``log.txt``               what the worker said on standard error      (the worker)
``ATTEMPT``               which worker may write here                 ``fence``
========================  ==========================================  ========================
"""

from styled.evolution.checkpoint import Checkpoint as Checkpoint
from styled.evolution.checkpoint import check_slot as check_slot
from styled.evolution.checkpoint import fingerprint as fingerprint
from styled.evolution.checkpoint import load_checkpoint as load_checkpoint
from styled.evolution.checkpoint import save_checkpoint as save_checkpoint
from styled.evolution.checkpoint_writer import CheckpointWriter as CheckpointWriter
from styled.evolution.fence import Fence as Fence
from styled.evolution.frame_writer import FrameWriter as FrameWriter
from styled.evolution.frames import frames as frames
from styled.evolution.frames import write_frame as write_frame
from styled.evolution.inputs import open_input as open_input
from styled.evolution.inputs import reading_input as reading_input
from styled.evolution.job_file import JobFile as JobFile
from styled.evolution.job_file import digest as digest
from styled.evolution.job_file import read_job_file as read_job_file
from styled.evolution.job_file import write_job_file as write_job_file
from styled.evolution.losses import LossLog as LossLog
from styled.evolution.losses import LossPart as LossPart
from styled.evolution.losses import all_losses as all_losses
from styled.evolution.losses import last_loss as last_loss
from styled.evolution.losses import read_losses as read_losses
from styled.evolution.step_down import MAX_STEP_DOWNS as MAX_STEP_DOWNS
from styled.evolution.step_down import forget_step_downs as forget_step_downs
from styled.evolution.step_down import step_down as step_down
from styled.evolution.timelapse import write_timelapse as write_timelapse
from styled.files.durable import require_space as require_space
from styled.files.durable import write_json as write_json
from styled.job_folder import JobFolder as JobFolder
from styled.job_folder import free_id as free_id
from styled.job_folder import job_id as job_id
from styled.job_folder import safe_name as safe_name
