"""The systemd unit of a root's daemon: notified, watched, restarted, and shut into what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from styled.children import python_command
from styled.config import Config
from styled.root import Root

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
lead to, and a cluster's spool's: a rename between two such mounts fails.
"""


def unit_text(root: Root, config: Config, *, system: bool, user: str = "", group: str = "") -> str:
    """Return the unit file.

    Args:
        root: whose daemon.
        config: the stop grace; whether the network is needed (``weights = "imagenet"`` may be downloaded, a cluster is
            asked); and a cluster's spool, which is written too.
        system: for the system's service manager; False for the user's.
        user: who runs a system service.
        group: its group; the user's own by default.
    """
    remote = config.backend.kind != "local"
    places = _places(root, config)
    place = " ".join(_quoted(str(path)) for path in places)
    command = " ".join(map(_quoted, python_command("styled", "daemon", "--root", str(root.path))))
    needs_network = config.job.get("weights", "builtin") == "imagenet" or remote
    families = "AF_UNIX AF_INET AF_INET6 AF_NETLINK" if needs_network else "AF_UNIX"
    who = f"User={user}\n" + (f"Group={group}\n" if group else "") if system else ""
    hardening = _COMMON + f"RestrictAddressFamilies={families}\n"
    if system:
        hardening += _SYSTEM_ONLY.format(home=_protect_home(places), places=place, tmp=_private_tmp(places))
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
ExecStart={command}
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
    places = list(dict.fromkeys(place for path in given for place in (path, Path(os.path.realpath(path)))))
    # A link in their place that a stranger has made is not followed, so realpath() is not for them.
    for folder in (root.inbox, root.evolution):
        if not any(folder.is_relative_to(place) for place in places):
            places.append(folder)
    return places


def _protect_home(places: Sequence[Path]) -> str:
    """Hide the homes, unless the program or a place that it writes lies in one."""
    homes = (Path("/home"), Path("/root"), Path("/run/user"))
    needed = (*places, Path(sys.executable), Path(sys.prefix), Path(__file__))
    return "read-only" if any(path.is_relative_to(home) for path in needed for home in homes) else "yes"


def _private_tmp(places: Sequence[Path]) -> str:
    """Give the service a /tmp of its own, unless a place that it writes lies in the real one."""
    return "no" if any(path.is_relative_to(tmp) for path in places for tmp in ("/tmp", "/var/tmp")) else "yes"  # noqa: S108


def _quoted(text: str) -> str:
    """Return one word as systemd reads it: ``%`` and ``$`` are special, quotes and backslashes escape."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(character in text for character in " \t'\";\\") else plain


def _plain(text: str) -> str:
    return text.replace("%", "%%")
