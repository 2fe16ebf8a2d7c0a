"""One picture without a queue: what ``styled run`` does around the worker.

A run has a job's folder like any other. It lies beside the result as ``painting.png.styled/`` and goes when
the result is there; or in a folder of the user's choice, where it stays. So a run that was stopped can go on.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import numpy as np

from styled import evolution, images
from styled.errors import CheckpointError, OutputUnusable, UnreadableImage
from styled.evolution import JobFile, JobFolder
from styled.files import durable
from styled.files.printable import escaped
from styled.images.opening import open_file
from styled.job import JobState, joined_remarks, style_stem
from styled.painting.paint_job import save_result
from styled.painting.remarks import file_kind, is_of_file_kind, kind_of
from styled.root import Root
from styled.settings import INIT_WORDS, JOB_PREFIX, WEIGHTS_WORDS, Settings, plain, settings_from
from styled.sizing.scales import plan_scales
from styled.store.reader import StoreReader
from styled.store.starting_job import resolved_init
from styled.version import versions
from styled.vgg19.weights import digest_of

FOLDER_SUFFIX = ".styled"
"""Of the folder beside the result in which it is painted."""


@dataclass(frozen=True)
class OneShot:
    """A run: where it is painted and where the result goes."""

    folder: JobFolder
    output: Path
    """Absolute."""
    overwrite: bool

    @property
    def is_temporary(self) -> bool:
        """The folder goes when the result is there."""
        return self.folder.path == _folder_beside(self.output)


def prepare(
    content: Path,
    styles: Sequence[Path],
    values: Mapping[str, Any],
    *,
    output: Path,
    mask: Path | None = None,
    evolution_folder: Path | None = None,
    overwrite: bool = False,
) -> OneShot:
    """Check everything that can be checked, then make the job's folder with copies of the images.

    Args:
        content: the content image.
        styles: the style images, in order.
        values: settings as plain values; ``init`` and ``weights`` may be paths.
        output: the result.
        mask: an image with a colour for each style: where each is painted.
        evolution_folder: keep the job's folder in here.
        overwrite: replace ``output``, and what an earlier run left beside it.

    Raises:
        SettingsError: a setting is wrong.
        ImageError: an image cannot be used, or ``output`` has a suffix that is no format.
        OutputUnusable: ``output`` exists, or cannot be written.
        DiskFull: no space.
    """
    output = output.absolute()
    settings = settings_from({**values, "format": _worker_format(output)})
    with images.Checker(max_pixels=settings.max_pixels) as checker:
        infos = [_checked(image, checker) for image in (content, *styles, *([mask] if mask else []))]
    plan_scales(infos[0].width, infos[0].height, settings)
    check_output(output, overwrite=overwrite)
    run = OneShot(
        _new_folder(output, f"{content.stem}-{styles[0].stem}", evolution_folder, overwrite), output, overwrite
    )
    with durable.disk_full_at(run.folder.path):
        run.folder.create()
        try:
            _write_job(run, content, styles, mask, settings)
        except BaseException:
            shutil.rmtree(run.folder.path)  # nothing is in it yet that anybody could go on with
            raise
    return run


def _checked(image: Path, checker: images.Checker) -> images.ImageInfo:
    """Decode an image wholly, in a child: what a damaged file does to a decoder is an error here, under its user's name.

    Raises:
        ImageError: it cannot be used.
    """
    try:
        with open_file(image) as file:  # a link is followed, and errors have its own name
            return checker.check_open(file.fileno(), image.name)
    except OSError as error:
        raise UnreadableImage(
            f"{escaped(image.name)} could not be checked: {error.strerror or error}",
            "Check the disk, and this shell's limits on memory and processes (ulimit -a).",
        ) from error


def reopen(folder: Path, *, output: Path | None = None, overwrite: bool = False) -> OneShot:
    """Return a run that was stopped, to go on with; its result gets the format of ``output``.

    Args:
        folder: the job's folder that the run has left.
        output: the result; None: where it was to go at first.
        overwrite: replace ``output``.

    Raises:
        CheckpointError: there is no such folder.
        OutputUnusable: see :func:`prepare`.
    """
    job_folder = JobFolder(folder.absolute())
    if not job_folder.job_json.is_file():
        raise CheckpointError(f"{folder} is not the folder of a run", "Give the folder that the stopped run has named.")
    recorded = evolution.read_job_file(job_folder).output
    if output is None and not recorded:
        raise OutputUnusable(f"{folder} is a job of a queue, it has no output file", "Say where it goes with -o.")
    target = output.absolute() if output is not None else _from_record(recorded)
    check_output(target, overwrite=overwrite)
    _write_format_for(job_folder, target)
    return OneShot(job_folder, target, overwrite)


def _write_format_for(folder: JobFolder, output: Path) -> None:
    """Have the worker itself write the format that ``output`` needs: made of a result in another one, it loses by that."""
    job = evolution.read_job_file(folder)
    before = wanted = job.settings
    worker_format = _worker_format(output)
    if before.bits == 8 or worker_format != "jpeg":  # a JPEG has 8: where there are 16 it is made of what has them
        wanted = settings_from({**plain(before), "format": worker_format})
    if wanted == before and file_kind(before, job.output) == file_kind(wanted, str(output)):
        return
    # The worker remarks anew on what the format leaves without effect.
    remarks = tuple(remark for remark in job.remarks if not is_of_file_kind(remark))
    evolution.write_job_file(folder, msgspec.structs.replace(job, settings=wanted, remarks=remarks))


def check_output(output: Path, *, overwrite: bool) -> None:
    """Check that the result can be written, by writing a picture of one pixel beside it: hours are at stake.

    Raises:
        OutputUnusable: it exists, or its folder does not exist or cannot be written.
        ImageError: its suffix is no format.
    """
    if output.is_dir():
        raise OutputUnusable(f"{output} is a folder", "Give the name of an image file.")
    if output.exists() and not overwrite:
        raise OutputUnusable(f"{output} exists", "Choose another name, or add --overwrite.")
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".styled-") as trial:
            images.save(np.zeros((1, 1, 3), np.uint8), Path(trial) / output.name)
    except OSError as error:
        raise OutputUnusable(
            f"cannot write into {output.parent}: {error.strerror}", "Create the folder, or choose another."
        ) from error


def deliver(run: OneShot) -> None:
    """Put the result where it was asked for, in the format of its suffix; drop the checkpoint and a temporary folder.

    Raises:
        OutputUnusable: something was put there meanwhile.
        DiskFull: no space; the result stays in the folder.
    """
    if run.output.exists() and not run.overwrite:
        raise OutputUnusable(
            f"{run.output} has appeared meanwhile; the result is {run.folder.result}", "Move it by hand."
        )
    settings = evolution.read_job_file(run.folder).settings
    if kind_of(str(run.output)) == kind_of(str(run.folder.result)):
        with durable.replacing(run.output) as target, run.folder.result.open("rb") as source:
            shutil.copyfileobj(source, target)
    else:
        picture = images.load(run.folder.result, max_bytes=sys.maxsize, max_pixels=sys.maxsize)
        record = images.read_metadata(run.folder.result)
        save_result(run.output, picture.pixels, picture, record, settings)
    shutil.rmtree(run.folder.checkpoint, ignore_errors=True)  # large, and of no use any more
    if run.is_temporary:
        discard(run)


def discard(run: OneShot) -> None:
    """Remove a temporary folder; a kept one stays."""
    if run.is_temporary:
        shutil.rmtree(run.folder.path)


def settings_of(run: OneShot) -> Settings:
    """Return the settings of a run."""
    return evolution.read_job_file(run.folder).settings


def record_state(run: OneShot, state: JobState, reason: str = "") -> None:
    """Write the state of the run into its ``job.json``."""
    job = evolution.read_job_file(run.folder)
    now = time.time()
    ended = now if state in {JobState.DONE, JobState.FAILED} else None
    evolution.write_job_file(
        run.folder,
        msgspec.structs.replace(
            job,
            state=state,
            reason=reason,
            started_at=job.started_at or now,
            finished_at=ended,
            output=_recorded(run.output),
        ),
    )


def record_remarks(run: OneShot, remarks: Sequence[str]) -> None:
    """Add to the run's ``job.json`` the remarks that are not in it yet."""
    job = evolution.read_job_file(run.folder)
    every = joined_remarks(job.remarks, remarks)
    if every != job.remarks:
        evolution.write_job_file(run.folder, msgspec.structs.replace(job, remarks=every))


def _recorded(output: Path) -> str:
    """Return a path as JSON can hold it: one that is not UTF-8 as a URI."""
    try:
        str(output).encode()
    except UnicodeEncodeError:
        return output.as_uri()
    return str(output)


def _from_record(recorded: str) -> Path:
    path = recorded.removeprefix("file://")
    return Path(recorded if path == recorded else os.fsdecode(unquote_to_bytes(path)))


def _worker_format(output: Path) -> str:
    """Return the setting ``format`` for what the worker writes: a WebP is made of what loses nothing."""
    kind = kind_of(str(output))
    return "png" if kind in ("", "webp") else kind


def _folder_beside(output: Path) -> Path:
    return output.with_name(output.name + FOLDER_SUFFIX)


def _new_folder(output: Path, name: str, evolution_folder: Path | None, overwrite: bool) -> JobFolder:
    if evolution_folder is not None:
        evolution_folder = evolution_folder.absolute()
        return JobFolder(
            evolution_folder / evolution.free_id(evolution.job_id(name, datetime.now().astimezone()), evolution_folder)
        )
    folder = JobFolder(_folder_beside(output))
    if folder.path.exists():
        if not overwrite:
            raise OutputUnusable(
                f"an earlier run has left {folder.path}",
                f"Go on with it: styled run --resume {folder.path}, or start again with --overwrite.",
            )
        shutil.rmtree(folder.path)
    return folder


def _write_job(run: OneShot, content: Path, styles: Sequence[Path], mask: Path | None, settings: Settings) -> None:
    taken = [_take(run.folder, content, "content")]
    for number, style in enumerate(styles, start=1):
        taken.append(_take(run.folder, style, style_stem(number)))
    taken_mask = _take(run.folder, mask, "mask") if mask else None
    sources = [*taken, *([taken_mask] if taken_mask else [])]
    settings = _with_paths(run.folder, settings)
    folder = run.folder
    given = [content.name, *(style.name for style in styles), *([mask.name] if mask else [])]
    job = JobFile(
        id=escaped(folder.id),  # of the output's name, which need not be UTF-8
        number=0,
        name=evolution.safe_name(content.stem),
        content=taken[0],
        styles=tuple(taken[1:]),
        mask=taken_mask,
        settings=settings,
        names=dict(zip(sources, map(escaped, given), strict=True)),
        digests={f"input/{path.name}": evolution.digest(path) for path in sorted(folder.input.iterdir())},
        weights_digest=digest_of(settings.weights),
        versions=versions(),
        created_at=time.time(),
        output=_recorded(run.output),
    )
    evolution.write_job_file(folder, job)


def _with_paths(folder: JobFolder, settings: Settings) -> Settings:
    """Return the settings with the files that they name where the worker finds them wherever it runs."""
    init, weights = settings.init, settings.weights
    if init not in INIT_WORDS:
        source = _result_of(folder, init.removeprefix(JOB_PREFIX)) if init.startswith(JOB_PREFIX) else Path(init)
        images.probe(source, max_pixels=settings.max_pixels)
        init = _take(folder, source, "init")
    if weights not in WEIGHTS_WORDS:
        weights = os.path.abspath(os.path.expanduser(weights))  # noqa: PTH100, PTH111  # resolve() would follow links
    return msgspec.structs.replace(settings, init=init, weights=weights)


def _result_of(folder: JobFolder, named: str) -> Path:
    """Return the result of the job that ``init = "job:9"`` names: a folder beside this run, or a job of the current root."""
    beside = JobFolder(folder.path.parent / named).result
    if Path(named).name == named and beside.is_file():
        return beside
    root = Root.at()
    with StoreReader.open(root) as queue:
        resolved = resolved_init(JOB_PREFIX + named, queue, root.evolution)
    return JobFolder(root.evolution / resolved.removeprefix(JOB_PREFIX)).result


def _take(folder: JobFolder, image: Path, name: str) -> str:
    """Copy an image into the job; return its path relative to the job's folder."""
    copy = folder.input / f"{name}{image.suffix.lower()}"
    shutil.copyfile(image, copy)
    return str(copy.relative_to(folder.path))
