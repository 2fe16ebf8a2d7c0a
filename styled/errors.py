"""Every error that styled raises on purpose, in one tree.

::

    StyledError
    ├── SettingsError          a setting, styled.toml or job.toml is wrong
    │   └── ContentTooThin         not the settings by themselves: a content has too few pixels for them
    ├── ImageError             an image cannot be used
    │   ├── UnreadableImage        not an image, truncated, or of an unknown format
    │   │   └── SlowImage              takes longer to decode than it may
    │   ├── InputChanged           not the bytes that the job was made with
    │   └── ImageTooLarge          more pixels or bytes than the limit; refused before decoding
    │       └── DecoderKilled          its decoder was killed, for its memory or by somebody
    ├── WeightsError           the VGG19 weights cannot be had
    │   ├── WeightsDamaged         wrong digest, missing layer, wrong shape
    │   └── WeightsUnavailable     no such file, or no network for the download
    ├── EngineError            painting went wrong
    │   ├── Diverged               the loss became NaN, infinite or exploded
    │   └── OutOfMemory            host or GPU memory ran out
    │       └── DoesNotFit             no way of painting it fits into memory_limit; not even tried
    ├── CheckpointError        a checkpoint cannot be used
    │   ├── CheckpointDamaged      checksum or content wrong, in both slots
    │   └── CheckpointMismatch     made from other images or settings
    ├── InstallationBroken     a module that painting needs is missing, or does not fit the others
    ├── BackendError           what jobs are painted with
    │   ├── BackendAway            it does not answer, and is asked again
    │   └── BackendRefuses         it does not take a job
    ├── DataDamaged            stored or sent bytes are not what somebody wrote
    ├── PairRejected           what lies in the inbox can never become a job
    ├── PairChanged            a file of a pair was changed or removed while it was being claimed
    ├── QueueError             the queue refused a request
    │   ├── NoSuchJob              no job has that number or id
    │   ├── IllegalMove            the job's state does not allow the move
    │   ├── StoreError             the database is damaged, out of reach, or newer than this styled
    │   │   ├── StoreLocked            another program holds the database locked
    │   │   └── StoreRefused           the disk does not let the database be read or written now
    │   └── JobFileDamaged         a job's job.json is missing, damaged, or newer than this styled
    ├── Superseded             another worker has taken over the job's folder
    ├── OutputUnusable         the result cannot be written where it is asked for
    ├── NoRoot                 the folder is no root, and nothing is made in it unasked
    ├── StorageRefuses         a disk does not take what is written: broken, read-only, away
    │   ├── DiskFull               not enough free space to go on
    │   └── InputOutOfReach        one input of a job cannot be read, whatever else can
    ├── OutOfResources         the system gives no more processes, threads, descriptors
    └── DaemonError            between the daemon and those who talk to it
        ├── DaemonNotRunning       nobody answers on the control socket
        ├── DaemonAlreadyRunning   another daemon holds this root
        ├── RootAway               the root's folder is not where the daemon found it
        └── ControlError           a request or reply on the socket was malformed or refused

Beside the tree there is one warning, :class:`RemarkWarning`: what Python programs are told of a painting that is no error.

Each error carries ``advice``: one sentence on what to do next. ``kind`` is the class's word in
JSON. ``exit_code`` is what the command line exits with (sysexits.h where a number fits).
"""

from __future__ import annotations

import re


class StyledError(Exception):
    """Base of all errors of styled.

    Args:
        message: what is wrong, naming the thing and its value; one sentence without a full stop.
        advice: what the reader can do next; one sentence.
    """

    exit_code = 1
    advice_default = ""
    may_pass = False
    """The reason may go away by itself, or by somebody's doing elsewhere: the daemon waits and tries again, at no cost."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice or self.advice_default

    @property
    def kind(self) -> str:
        """The class's name in lower case with hyphens, as used in JSON: ``image-too-large``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    def __str__(self) -> str:
        return f"{self.message}. {self.advice}" if self.advice else self.message

    def __reduce__(self) -> tuple[type[StyledError], tuple[str, str]]:
        # Errors cross process borders (the decoding child); the default would lose the advice.
        return type(self), (self.message, self.advice)


class SettingsError(StyledError):
    """A setting has an unknown name, a wrong type or a value out of range."""

    exit_code = 78  # EX_CONFIG: systemd must not restart on it


class ContentTooThin(SettingsError):
    """A content of this shape has too few pixels on its short side for the layers that the settings name."""


class ImageError(StyledError):
    """An image cannot be used."""

    exit_code = 65  # EX_DATAERR


class UnreadableImage(ImageError):
    """Not an image, truncated, or of a format Pillow does not know."""

    advice_default = "Open it in an image viewer to check it, or export it again as PNG or JPEG."


class SlowImage(UnreadableImage):
    """An image took longer to decode than it may; with more time it might be well."""


class ImageTooLarge(ImageError):
    """More pixels or bytes than the limit allows. Raised before the pixels are decoded."""


class DecoderKilled(ImageTooLarge):
    """The process that decoded an image was killed, twice: for its memory, or by somebody. The image may be well."""


class InputChanged(ImageError):
    """An input of a job is not the file that was claimed: its digest differs."""


class WeightsError(StyledError):
    """The VGG19 weights cannot be had."""

    exit_code = 66  # EX_NOINPUT


class WeightsDamaged(WeightsError):
    """The weights file has a wrong digest, lacks a layer, or a kernel has the wrong shape."""


class WeightsUnavailable(WeightsError):
    """The weights file does not exist, or its download failed."""


class InstallationBroken(StyledError):
    """A module that painting needs is missing, or does not fit the others: an upgrade under way, or half done."""

    advice_default = "Finish the upgrade, or install styled again; styled doctor lists what is missing."


class BackendError(StyledError):
    """Something between the daemon and the scheduler of a cluster."""

    advice_default = "Look into it with: styled doctor."


class BackendAway(BackendError):
    """The scheduler does not answer. Jobs that run go on; it is asked again."""

    exit_code = 69  # EX_UNAVAILABLE
    may_pass = True


class BackendRefuses(BackendError):
    """The scheduler does not take a job, whatever the job: its options, an account, a partition."""


class DataDamaged(StyledError):
    """Stored or sent bytes are not what was written. Callers raise an error of their own that names the place."""

    exit_code = 65  # EX_DATAERR


class EngineError(StyledError):
    """The optimisation went wrong."""


class Diverged(EngineError):
    """The loss became NaN or infinite, or exploded. The last good picture is kept."""

    advice_default = "Lower learning_rate or style_weight, or choose optimizer = 'adam'."


class OutOfMemory(EngineError):
    """Host or GPU memory ran out."""

    exit_code = 137  # what a shell reports of a process that the kernel killed for its memory
    advice_default = "Lower size, or free memory and retry."


class DoesNotFit(OutOfMemory):
    """The picture needs more than ``memory_limit`` in every way it could be painted; it was not tried."""


class CheckpointError(StyledError):
    """A checkpoint cannot be used."""

    exit_code = 65


class CheckpointDamaged(CheckpointError):
    """No slot of the checkpoint passes its checksum."""


class CheckpointMismatch(CheckpointError):
    """The checkpoint was made from other images or other settings."""


class PairRejected(StyledError):
    """What lies in the inbox can never become a job; it moves to ``inbox/rejected/``."""

    exit_code = 65


class PairChanged(StyledError):
    """A file of the pair was changed, replaced or removed while it was being claimed. The pair is looked at again."""


class QueueError(StyledError):
    """The queue refused a request."""


class NoSuchJob(QueueError):
    """No job has that number or id."""

    exit_code = 4
    advice_default = "List the jobs with: styled status."


class NoSuchPair(QueueError):
    """Nothing of that name lies in the inbox, or several do."""

    exit_code = 4
    advice_default = "See what is incomplete, ignored or rejected with: styled status."


class NotMoved(QueueError):
    """What lies in the inbox could not be moved as asked. It is where it was."""

    exit_code = 5


class IllegalMove(QueueError):
    """The job's state does not allow the move, or somebody else moved it first."""

    exit_code = 5


class StoreError(QueueError):
    """The database is damaged, out of reach, or was written by a newer styled."""


class StoreLocked(StoreError):
    """Another program holds the database locked. Nothing is lost; it is tried again."""

    advice_default = "Close the program that has opened it for writing."
    may_pass = True


class StoreRefused(StoreError):
    """The disk does not let the database be read or written now. Nothing is lost; it is tried again."""

    advice_default = "Check the disk and its mount; the daemon goes on by itself once it works."
    may_pass = True


class JobFileDamaged(QueueError):
    """A job's ``job.json`` is missing or damaged, or was written by a newer styled."""

    advice_default = "Its images are safe in the job's input/ folder: drop them again."


class Superseded(StyledError):
    """Another worker has taken over the job's folder; this one must not write there any more."""

    advice_default = "Nothing is to be done: the newer worker goes on."


class OutputUnusable(StyledError):
    """The result cannot be written where it is asked for: something is there, or the place is not writable."""

    exit_code = 73  # EX_CANTCREAT


class NoRoot(StyledError):
    """The folder is no root: nothing is made in it unasked."""

    exit_code = 66  # EX_NOINPUT: systemd tries again, its disk may not be mounted yet


class StorageRefuses(StyledError):
    """A disk does not take what is written, or does not give what was: broken, read-only, away. Tried again."""

    exit_code = 74  # EX_IOERR
    advice_default = "Check the disk and its mount."
    may_pass = True


class DiskFull(StorageRefuses):
    """There is not enough free space to go on. Nothing is lost; work goes on when there is room."""

    advice_default = "Free some space on that disk."


class InputOutOfReach(StorageRefuses):
    """A disk does not give one of a job's inputs. The job waits; others may have theirs."""


class OutOfResources(StyledError):
    """The system gives no more processes, threads or descriptors. Tried again."""

    exit_code = 71  # EX_OSERR
    advice_default = "Raise the limits (ulimit -u, ulimit -n, or the service's), or end what uses them up."
    may_pass = True


class WaitTimedOut(StyledError):
    """What was waited for has not happened in the time that was given."""

    exit_code = 124  # as timeout(1)
    advice_default = "See how far it is with: styled status."


class DaemonError(StyledError):
    """Something between the daemon and those who talk to it."""

    exit_code = 3


class DaemonNotRunning(DaemonError):
    """Nobody answers on the control socket."""

    advice_default = "Start it with: styled daemon."


class DaemonAlreadyRunning(DaemonError):
    """Another daemon holds this root."""


class RootAway(DaemonError):
    """The root's folder is not where the daemon found it: renamed, unmounted, replaced. All goes on once it is back."""

    advice_default = "Put it back, and all goes on; or end the daemon, and start one where the root is now."
    may_pass = True


class ControlError(DaemonError):
    """A request or reply on the control socket was malformed, too large or refused."""


class RemarkWarning(UserWarning):
    """What :func:`styled.stylize` or :func:`styled.paint` did to images or settings that one may not expect; once a call.

    The same lines are ``remarks`` of each iterate, and of the picture's ``info``. To silence it::

        warnings.simplefilter("ignore", styled.RemarkWarning)
    """


def class_of(kind: str, default: type[StyledError] = StyledError) -> type[StyledError]:
    """Return the class whose errors have ``kind``; ``default`` for a kind that is not in this tree."""
    classes: list[type[StyledError]] = [StyledError]
    for each in classes:
        classes.extend(each.__subclasses__())
    return next((each for each in classes if each("").kind == kind), default)
