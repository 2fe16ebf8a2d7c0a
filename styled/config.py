"""The daemon's configuration: ``styled.toml`` < environment < flags, in validated sections.

A key of a section is set in ``styled.toml`` under its ``[section]``, in the environment as
``STYLED_SECTION__KEY`` (two underscores), or by a flag; the later source wins. ``[job]`` holds the
defaults of every job's :class:`~styled.settings.Settings`; a pair's own ``job.toml`` wins over it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from styled.errors import DataDamaged, SettingsError
from styled.files.decoding import from_toml, read_file
from styled.files.trust import distrust
from styled.presets import expanded
from styled.settings import INIT_WORDS, WEIGHTS_WORDS, Settings, nearest, settings_from

MAX_CONFIG_BYTES = 1024 * 1024
"""A styled.toml larger than this is a mistake (a picture with the wrong name, say), not a configuration."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections."""

    def __post_init__(self) -> None:
        """Refuse NaN, which passes every range."""
        for name in self.__struct_fields__:
            if getattr(self, name) != getattr(self, name):
                raise ValueError(f"Expected a number, got nan in {name}")


class InboxConfig(Section, frozen=True, kw_only=True):
    """``[inbox]``: when a dropped file counts as complete, and what is taken."""

    settle_s: Annotated[float, Meta(ge=0.1, le=3600.0, description="seconds a file must stay unchanged")] = 5.0
    rescan_s: Annotated[float, Meta(ge=0.5, le=3600.0, description="seconds between full looks at the inbox")] = 30.0
    watch: Annotated[
        Literal["auto", "native", "poll"],
        Meta(description="how changes are noticed; auto polls network filesystems"),
    ] = "auto"
    max_bytes: Annotated[int, Meta(ge=1024, description="largest file taken, bytes")] = 2 * 1024**3
    max_pixels: Annotated[int, Meta(ge=1024, description="largest image taken, pixels")] = 250_000_000
    truncated_grace_s: Annotated[
        float, Meta(ge=0.0, le=86400.0, description="seconds a truncated image is given to grow before it is rejected")
    ] = 120.0
    duplicates: Annotated[
        Literal["run", "warn", "skip"], Meta(description="what to do with a pair that has a job's images and settings")
    ] = "warn"
    max_queue: Annotated[
        int, Meta(ge=1, description="waiting jobs after which pairs stay in the inbox until there is room")
    ] = 20_000
    max_size: Annotated[int, Meta(ge=32, le=65536, description="long side that a dropped pair may ask for, px")] = (
        16_384
    )
    max_steps: Annotated[int, Meta(ge=1, le=1_000_000, description="steps that a dropped pair may ask for")] = 10_000
    max_styles: Annotated[int, Meta(ge=1, le=99, description="styles that a dropped pair may have")] = 20
    priorities: Annotated[
        tuple[Annotated[int, Meta(ge=-1000, le=1000)], Annotated[int, Meta(ge=-1000, le=1000)]],
        Meta(description="lowest and highest priority that a dropped pair gets, whatever it asks for"),
    ] = (-100, 100)
    allow_download: Annotated[
        bool, Meta(description='a dropped pair may have Keras\' weights downloaded (weights = "imagenet")')
    ] = False

    def __post_init__(self) -> None:
        """Check the order of the priorities too."""
        super().__post_init__()
        if self.priorities[0] > self.priorities[1]:
            raise ValueError("Expected the lowest priority first")


class QueueConfig(Section, frozen=True, kw_only=True):
    """``[queue]``: how many jobs run at once and what happens when one fails."""

    parallel: Annotated[
        Annotated[int, Meta(ge=1, le=64)] | Literal["auto"],
        Meta(description="jobs painted at once; auto: one on each GPU, one without GPUs"),
    ] = "auto"
    max_attempts: Annotated[
        int, Meta(ge=1, le=100, description="crashes without progress after which a job is failed")
    ] = 3
    backoff_s: Annotated[
        tuple[Annotated[float, Meta(ge=0.0, le=86400.0)], ...],
        Meta(min_length=1, description="seconds before each retry; the last one repeats"),
    ] = (10.0, 60.0, 300.0)
    stall_s: Annotated[
        float, Meta(ge=1.0, le=86400.0, description="seconds without a sign of life after which a worker is ended")
    ] = 900.0
    stop_grace_s: Annotated[
        float, Meta(ge=0.1, le=3600.0, description="seconds a worker has to write its checkpoint when asked to stop")
    ] = 60.0
    pause_after_crashes: Annotated[
        int,
        Meta(ge=0, le=1000, description="daemon crashes within ten minutes that pause the queue; 0 = none"),
    ] = 3
    warm: Annotated[
        bool, Meta(description="a worker paints job after job; false: each job gets a process of its own")
    ] = True
    warm_s: Annotated[
        float, Meta(ge=0.0, le=86400.0, description="seconds an idle worker waits for a job before it ends")
    ] = 60.0
    jobs_per_worker: Annotated[int, Meta(ge=1, le=10000, description="jobs after which a worker is replaced")] = 100
    nice: Annotated[int, Meta(ge=0, le=19, description="niceness of the workers; 19 yields to everything")] = 0


_ADDRESS = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")

_RESERVED = (
    "parsable", "job-name", "no-requeue", "requeue", "dependency", "signal", "output", "error", "input", "chdir",
    "open-mode", "nodes", "ntasks", "array", "wrap", "wait", "test-only", "help", "usage", "version", "clusters", "quiet", "verbose",
)  # fmt: skip
"""Options of ``sbatch`` that the daemon gives itself, or that would keep a job from being found again."""


class BackendConfig(Section, frozen=True, kw_only=True):
    """``[backend]``: where jobs are painted: on this machine, or on a cluster's. Takes effect when the daemon is started again."""

    kind: Annotated[
        Literal["local", "slurm", "ray"],
        Meta(description="local: this machine; slurm: whatever sbatch reaches from here; ray: the nodes of a Ray"),
    ] = "local"
    slots: Annotated[
        int,
        Meta(ge=1, le=100_000, description="jobs given to the cluster at once; on this machine it is queue.parallel"),
    ] = 8
    python: Annotated[
        str,
        Meta(
            description="python with styled on every node, an absolute path; empty: the daemon's own, on Ray that of Ray"
        ),
    ] = ""
    spool: Annotated[
        str,
        Meta(
            description="folder that the daemon and every node see under the same absolute path; on Ray this machine's own, empty: in .styled/"
        ),
    ] = ""
    options: Annotated[tuple[str, ...], Meta(description='options of sbatch, each as one text: "--gres=gpu:1"')] = ()
    address: Annotated[str, Meta(description='of the head of Ray: "10.0.0.1:6379"')] = ""
    token_file: Annotated[
        str, Meta(description="absolute path of the token of Ray, mode 0600; empty: ~/.ray/auth_token")
    ] = ""
    cpus: Annotated[float, Meta(ge=0.0, le=1024.0, description="processors that Ray reserves for each job")] = 1.0
    gpus: Annotated[
        float, Meta(ge=0.0, le=64.0, description="GPUs that Ray reserves for each job; 0.5: two jobs share one")
    ] = 0.0
    lost_after_s: Annotated[
        float, Meta(ge=20.0, le=86400.0, description="seconds without a heartbeat after which a node is given up")
    ] = 120.0

    def __post_init__(self) -> None:
        """Check the paths and options too: no more than what they say reaches the scheduler."""
        super().__post_init__()
        for name in ("python", "spool", "token_file"):
            path = getattr(self, name)
            if path and not (path.startswith("/") and path.isprintable()):
                raise ValueError(f"Expected an absolute path in {name}, got {path[:80]!r}")
        if self.address and not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"Expected host:port in address, got {self.address[:80]!r}")
        for option in self.options:
            name = option.partition("=")[0]
            if not (name.startswith("--") and len(name) > 2 and option.isprintable()):
                raise ValueError(f"Expected options such as --partition=gpu, got {option[:80]!r}")
            # sbatch takes every beginning of a name that only one option has.
            if any(reserved.startswith(name[2:]) for reserved in _RESERVED):
                raise ValueError(f"Expected other options than {name}, which the daemon gives itself")


class ControlConfig(Section, frozen=True, kw_only=True):
    """``[control]``: who may talk to the daemon through its socket."""

    mode: Annotated[Literal["0600", "0660"], Meta(description="permissions of the socket")] = "0600"
    group: Annotated[str, Meta(description="group that owns the socket; with mode 0660 its members may act")] = ""


class DiskConfig(Section, frozen=True, kw_only=True):
    """``[disk]``: how much room is left for others. Work goes on at one and a half times the limit."""

    min_free_gb: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1e6,
            description="GB on each disk that is written; below this nothing starts, below half of it jobs stop",
        ),
    ] = 1.0


MOST_DAYS, MOST_GB = 36_500, 1_000_000
"""That the folders of ended jobs may be kept, and may take."""


class RetentionConfig(Section, frozen=True, kw_only=True):
    """``[retention]``: when the folders of ended jobs are removed. Nothing is, unless asked."""

    days: Annotated[
        float, Meta(ge=0.0, le=MOST_DAYS, description="days an ended job's folder is kept; 0 = for ever")
    ] = 0
    max_gb: Annotated[
        float, Meta(ge=0.0, le=MOST_GB, description="GB all ended jobs may take, oldest go first; 0 = any")
    ] = 0
    frames: Annotated[
        Literal["all", "thin", "none"],
        Meta(description="frames kept of ended jobs; thin keeps thirty"),
    ] = "all"


class LogConfig(Section, frozen=True, kw_only=True):
    """``[log]``: the daemon's own log."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="least level written")] = "info"
    max_mb: Annotated[float, Meta(gt=0.0, le=1e4, description="MB after which daemon.log is rotated")] = 10.0
    keep: Annotated[int, Meta(ge=1, le=100, description="rotated logs kept")] = 5


class HooksConfig(Section, frozen=True, kw_only=True):
    """``[hooks]``: programs run when a job ends; argument lists, never a shell.

    ``{id}``, ``{number}``, ``{name}``, ``{folder}``, ``{result}`` and ``{reason}`` in an argument are replaced.
    What a hook leaves in the background ends with it; what shall stay needs a session of its own: ``setsid``.
    Under ``styled service install --system`` a hook writes only where the daemon may.
    """

    on_done: Annotated[tuple[str, ...], Meta(description="program and arguments after a job is done")] = ()
    on_failed: Annotated[tuple[str, ...], Meta(description="program and arguments after a job has failed")] = ()
    timeout_s: Annotated[float, Meta(ge=0.1, le=3600.0, description="seconds a hook may take")] = 60.0


class GalleryConfig(Section, frozen=True, kw_only=True):
    """``[gallery]``: the page of all results, ``evolution/index.html``."""

    auto: Annotated[bool, Meta(description="write it again after jobs have ended; else: styled gallery")] = True


Theme = Literal["auto", "dark", "light"]
THEMES: tuple[Theme, ...] = ("auto", "dark", "light")


class TuiConfig(Section, frozen=True, kw_only=True):
    """``[tui]``: the terminal UI."""

    pictures: Annotated[
        Literal["characters", "kitty"],
        Meta(description="real pictures by kitty's protocol, in terminals that have it (kitty, Ghostty; not in tmux)"),
    ] = "characters"
    theme: Annotated[
        Theme,
        Meta(description="colours for a dark or a light terminal; auto goes by COLORFGBG, which some terminals set"),
    ] = "auto"
    keys: Annotated[dict[str, str], Meta(description='other keys, by the name in the help: "job.pause" = "space"')] = {}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration of the daemon and the terminal UI."""

    inbox: InboxConfig = InboxConfig()
    queue: QueueConfig = QueueConfig()
    backend: BackendConfig = BackendConfig()
    control: ControlConfig = ControlConfig()
    disk: DiskConfig = DiskConfig()
    retention: RetentionConfig = RetentionConfig()
    log: LogConfig = LogConfig()
    hooks: HooksConfig = HooksConfig()
    gallery: GalleryConfig = GalleryConfig()
    tui: TuiConfig = TuiConfig()
    job: dict[str, Any] = msgspec.field(default_factory=dict)
    """Settings every job starts from, as plain values; already checked."""


SECTIONS: dict[str, type[Section]] = {
    "inbox": InboxConfig,
    "queue": QueueConfig,
    "backend": BackendConfig,
    "control": ControlConfig,
    "disk": DiskConfig,
    "retention": RetentionConfig,
    "log": LogConfig,
    "hooks": HooksConfig,
    "gallery": GalleryConfig,
    "tui": TuiConfig,
}
"""Each section's name and type; ``[job]`` is apart, because its keys are those of ``Settings``."""


_WORDS = {"weights": WEIGHTS_WORDS, "init": INIT_WORDS}
"""Settings that may name a file, and the words that they may be instead."""


class _Value(NamedTuple):
    value: Any
    source: str


def load_config(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Config:
    """Read the configuration from all its sources.

    Args:
        path: ``styled.toml``; it need not exist.
        environment: variables such as ``STYLED_QUEUE__PARALLEL``; the process' own by default.
        flags: ``"section.key"`` to value, from the command line; None values are skipped.

    Raises:
        SettingsError: a file that is not TOML, an unknown section or key (naming the nearest), or a value out of range.
    """
    environment = os.environ if environment is None else environment
    layers: dict[str, dict[str, _Value]] = {name: {} for name in (*SECTIONS, "job")}
    for source in (_from_file(path), _from_environment(environment), _from_flags(flags or {})):
        read: dict[str, dict[str, _Value]] = {name: {} for name in layers}
        for section, key, found in source:
            _check_name(section, key, found.source)
            read[section][key] = found
        read["job"] = _with_preset(read["job"])
        for name in layers:
            layers[name] |= read[name]
    sections = {name: _section(kind, name, layers[name]) for name, kind in SECTIONS.items()}
    config = Config(**sections, job=_job(layers["job"]))  # type: ignore[arg-type]  # each name has its own type
    if config.backend.kind == "slurm" and not config.backend.spool:
        raise SettingsError(
            f"backend.kind = {config.backend.kind!r} needs backend.spool",
            "Give a folder that this machine and all nodes see under the same path, and that is yours.",
        )
    if config.backend.kind == "ray" and config.backend.options:
        raise SettingsError(
            "backend.options are of sbatch, and backend.kind is 'ray'",
            "Remove them; Ray has backend.cpus and backend.gpus.",
        )
    if config.backend.kind == "ray" and not config.backend.address:
        raise SettingsError(
            "backend.kind = 'ray' needs backend.address",
            'Give where the head of Ray listens: address = "10.0.0.1:6379".',
        )
    return config


def _from_file(path: Path) -> Iterator[tuple[str, str, _Value]]:
    source = path.name
    try:
        # It names programs to be run.
        why = distrust(path, base=path.parent)
        if why:
            raise SettingsError(
                f"{path} {why}, and so it is not read", "Look what is in it, then: chown it to yourself, chmod o-w."
            )
        text = read_file(path, most=MAX_CONFIG_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
    except DataDamaged as error:
        raise SettingsError(f"{path} cannot be read: {error.message}", "Is it the right file?") from error
    try:
        tables = from_toml(text)
    except DataDamaged as error:
        raise SettingsError(f"{path} is not TOML: {error.message}", "Correct that line.") from error
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(
                f"{source}: {section!r} stands outside a section",
                f"Put it under its section, for example [{_section_of(section)}].",
            )
        if not table:
            _check_name(section, None, source)
        for key, value in table.items():
            yield section, key, _Value(_placed(section, key, value, path.parent), source)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str, _Value]]:
    for variable in sorted(environment):
        section, separator, key = variable.removeprefix("STYLED_").partition("__")
        if variable.startswith("STYLED_") and separator:
            value = _placed(section.lower(), key.lower(), _plain(environment[variable]), Path())
            yield section.lower(), key.lower(), _Value(value, f"${variable}")


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[str, str, _Value]]:
    for name, value in flags.items():
        if value is not None:
            section, _, key = name.partition(".")
            yield section, key, _Value(_placed(section, key, value, Path()), "command line")


def _placed(section: str, key: str, value: Any, folder: Path) -> Any:
    """Return a setting's value, a path made absolute by the folder of its source: workers run elsewhere."""
    words = _WORDS.get(key, ())
    if section != "job" or not words or not isinstance(value, str) or value in words or value.startswith("job:"):
        return value
    # Not resolve(), which would follow links; nor Path's expanduser(), which raises for users that do not exist.
    return os.path.abspath(folder / os.path.expanduser(value)) if value else value  # noqa: PTH100, PTH111


def _plain(text: str) -> Any:
    """Read a variable as TOML; what is not TOML is a text."""
    try:
        return from_toml(f"value = {text}")["value"]
    except DataDamaged:
        return text


def _section_of(key: str) -> str:
    """Return the section that has ``key``, or else the one whose keys are most like it."""
    owner = {name: section for section, kind in SECTIONS.items() for name in kind.__struct_fields__}
    owner = dict.fromkeys(Settings.__struct_fields__, "job") | owner
    return owner[nearest(key, owner)]


def _check_name(section: str, key: str | None, source: str) -> None:
    if section not in SECTIONS and section != "job":
        raise SettingsError(
            f"{source}: unknown section [{section}]", f"Did you mean [{nearest(section, (*SECTIONS, 'job'))}]?"
        )
    known = Settings.__struct_fields__ if section == "job" else SECTIONS[section].__struct_fields__
    if key is not None and key not in known:
        raise SettingsError(f"{source}: unknown key {section}.{key}", f"Did you mean {section}.{nearest(key, known)}?")


def _section(kind: type[Section], name: str, layer: Mapping[str, _Value]) -> Section:
    for key, found in layer.items():
        try:
            msgspec.convert({key: found.value}, kind)
        except msgspec.ValidationError as error:
            wanted = str(error).partition(" - at ")[0].replace("`", "")
            raise SettingsError(
                f"{found.source}: {name}.{key} = {found.value!r} is not allowed: {wanted[0].lower()}{wanted[1:]}",
                f"It is: {_meaning(kind, key)}.",
            ) from None
    return msgspec.convert({key: found.value for key, found in layer.items()}, kind)


def _meaning(kind: type[Section], key: str) -> str:
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]  # a struct's info has fields
        if field.name == key and isinstance(field.type, msgspec.inspect.Metadata):
            return str((field.type.extra_json_schema or {}).get("description", key))
    return key


def _with_preset(layer: dict[str, _Value]) -> dict[str, _Value]:
    """Put the settings of one source's preset under those that it names itself."""
    preset = layer.get("preset")
    if preset is None:
        return layer
    return {key: _Value(value, preset.source) for key, value in expanded({"preset": preset.value}).items()} | layer


def _job(layer: Mapping[str, _Value]) -> dict[str, Any]:
    for key, found in layer.items():
        settings_from({key: found.value}, source=f"{found.source}, [job]")
    values = {key: found.value for key, found in layer.items()}
    settings_from(values, source="[job]")
    return values
