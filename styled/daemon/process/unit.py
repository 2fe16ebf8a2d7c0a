"""The systemd unit of a root's daemon: notified, watched, restarted, and shut into what it needs."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from styled.children import python_command
from styled.config import Config
from styled.errors import SettingsError
from styled.root import Root
from styled.settings import INIT_WORDS, WEIGHTS_WORDS

WATCHDOG_S = 60
"""The main loop reports every second; a minute of silence is a daemon that hangs."""

_BEYOND_GRACE_S = 30.0
"""After the workers' grace: killing, closing the database."""

_COMMON = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""

_SYSTEM_ONLY = """\
ProtectSystem=strict
ProtectHome={home}
ReadWritePaths={places}
PrivateTmp={tmp}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
CapabilityBoundingSet=
"""
"""Need rights that a user's service manager does not have.

Not here: PrivateDevices and DevicePolicy, because GPUs are devices; MemoryDenyWriteExecute, because XLA compiles at
run time; ProcSubset, because /proc/meminfo is read. No writable path but the root's, those that its inbox and evolution
lead to, a cluster's spool's, and Keras' cache where weights may be downloaded: a rename between two such mounts fails.
"""

_MAKE_CACHE = "ExecStartPre=-+/usr/bin/setpriv --reuid={user} --regid={group} --init-groups mkdir -p {cache}\n"
"""Outside of what is shut (``+``), where a folder that is not there yet cannot be made; but not as root, which would go
wherever a link of the user's leads. Where it fails (``-``) the daemon runs, and a job that needs the cache says so."""


def unit_text(root: Root, config: Config, *, system: bool, user: str = "", group: str = "") -> str:
    """Return the unit file.

    Args:
        root: whose daemon.
        config: the stop grace; whether the network is needed (``weights = "imagenet"`` may be downloaded, a cluster is
            asked, hooks tell others); what is written too, a cluster's spool and Keras' cache; and the files it names.
        system: for the system's service manager; False for the user's.
        user: who runs a system service.
        group: its group; the user's own by default.

    Raises:
        SettingsError: there is no such user, in whose home something is needed.
    """
    remote = config.backend.kind != "local"
    downloads = config.job.get("weights", "builtin") == "imagenet" or config.inbox.allow_download
    cache = _keras_cache(user) if system and downloads else None
    places = _places(root, config)
    caches = _with_target(cache) if cache else []
    place = " ".join(_quoted(str(path)) for path in (*places, *caches))
    command = " ".join(map(_quoted, python_command("styled", "daemon", "--root", str(root.path))))
    needs_network = downloads or remote or config.hooks.on_done or config.hooks.on_failed
    families = "AF_UNIX AF_INET AF_INET6 AF_NETLINK" if needs_network else "AF_UNIX"
    who = f"User={user}\n" + (f"Group={group}\n" if group else "") if system else ""
    hardening = _COMMON + f"RestrictAddressFamilies={families}\n"
    prepare = ""
    if system:
        written = " ".join([*(_quoted(str(path)) for path in places), *(_quoted(f"-{path}") for path in caches)])
        needed = [*places, *caches, *_named_files(config, user)]
        hardening += _SYSTEM_ONLY.format(home=_protect_home(needed), places=written, tmp=_private_tmp(needed))
    if cache:
        own_group = group or str(_account(user).pw_gid)
        prepare = _MAKE_CACHE.format(user=user, group=own_group, cache=_quoted(str(cache)))
    return f"""\
[Unit]
Description=styled, painting what is dropped into {_plain(str(root.inbox))}
Documentation=man:systemd.service(5)
RequiresMountsFor={place}
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
{prepare}ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec={WATCHDOG_S}
Restart=on-failure
RestartSec=5
# A wrong configuration does not get better by itself.
RestartPreventExitStatus=78
TimeoutStartSec=300
TimeoutStopSec={config.queue.stop_grace_s + _BEYOND_GRACE_S:.0f}
# The daemon stops its workers; only what is left after the timeout is killed.
KillMode=mixed
OOMPolicy=continue
UMask=0027
LimitNOFILE=65536
{who}{hardening}
[Install]
WantedBy={"multi-user.target" if system else "default.target"}
"""


def unit_path(name: str, *, system: bool) -> Path:
    """Return where the unit file belongs."""
    if system:
        return Path("/etc/systemd/system") / f"{name}.service"
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "systemd" / "user" / f"{name}.service"


def _places(root: Root, config: Config) -> list[Path]:
    """Return the folders that the daemon writes, and where they are links, what those lead to as well.

    By a link alone systemd does not find the mount that is needed.
    """
    remote = config.backend.kind != "local"
    given = [root.path, *([Path(config.backend.spool)] if remote and config.backend.spool else [])]
    if config.backend.kind == "ray":
        given.append(Path("/tmp"))  # noqa: S108  # where Ray has its sockets and logs
    places = list(dict.fromkeys(place for path in given for place in _with_target(path)))
    # A link in their place that a stranger has made is not followed, so realpath() is not for them.
    for folder in (root.inbox, root.evolution):
        if not any(folder.is_relative_to(place) for place in places):
            places.append(folder)
    return places


def _with_target(path: Path) -> list[Path]:
    """Return a path, and what it leads to where it has links in it."""
    return list(dict.fromkeys((path, Path(os.path.realpath(path)))))


def _account(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise SettingsError(f"there is no user {user!r}", "Create it first, or give another --user.") from None


def _keras_cache(user: str) -> Path:
    """Return the folder that :func:`styled.vgg19.weights.keras_cache` names in the service, which has no KERAS_HOME."""
    return Path(_account(user).pw_dir) / ".keras" / "models"


def _named_files(config: Config, user: str) -> Iterator[Path]:
    """Return the files that the configuration names for the daemon, its workers and its hooks to read."""
    weights, init = config.job.get("weights", "builtin"), config.job.get("init", "recolored")
    named = [*config.hooks.on_done, *config.hooks.on_failed]  # what is no path is in no home
    if weights not in WEIGHTS_WORDS:
        named.append(weights)
    if init not in INIT_WORDS and not init.startswith("job:"):
        named.append(init)
    if config.backend.kind == "ray":
        named.append(config.backend.token_file or f"{_account(user).pw_dir}/.ray/auth_token")
    for name in named:
        if name.startswith("/") and "\0" not in name:
            yield from _with_target(Path(name))


def _protect_home(needed: Iterable[Path]) -> str:
    """Hide the homes, unless the program or a path that it needs lies in one."""
    homes = (Path("/home"), Path("/root"), Path("/run/user"))
    # The last one is Python's own where the program has an environment of its own.
    program = (Path(sys.executable), Path(sys.prefix), Path(__file__), Path(sys.base_prefix))
    return "read-only" if any(path.is_relative_to(home) for path in (*needed, *program) for home in homes) else "yes"


def _private_tmp(needed: Iterable[Path]) -> str:
    """Give the service a /tmp of its own, unless a path that it needs lies in the real one."""
    return "no" if any(path.is_relative_to(tmp) for path in needed for tmp in ("/tmp", "/var/tmp")) else "yes"  # noqa: S108


def _quoted(text: str) -> str:
    """Return one word as systemd reads it: ``%`` and ``$`` are special, quotes and backslashes escape."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(character in text for character in " \t'\";\\") else plain


def _plain(text: str) -> str:
    return text.replace("%", "%%")
