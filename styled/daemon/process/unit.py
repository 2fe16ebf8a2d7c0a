"""The systemd unit of a root's daemon: notified, watched, restarted, and shut into what it needs."""

from __future__ import annotations

import os
import sys
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
ReadWritePaths={root}
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
run time; ProcSubset, because /proc/meminfo is read. One writable path only: a rename between two such mounts fails.
"""


def unit_text(root: Root, config: Config, *, system: bool, user: str = "", group: str = "") -> str:
    """Return the unit file.

    Args:
        root: whose daemon.
        config: the stop grace, and whether the network is needed (``weights = "imagenet"`` may be downloaded).
        system: for the system's service manager; False for the user's.
        user: who runs a system service.
        group: its group; the user's own by default.
    """
    place = _quoted(str(root.path))
    command = " ".join(map(_quoted, python_command("styled", "daemon", "--root", str(root.path))))
    families = (
        "AF_UNIX" if config.job.get("weights", "builtin") != "imagenet" else "AF_UNIX AF_INET AF_INET6 AF_NETLINK"
    )
    who = f"User={user}\n" + (f"Group={group}\n" if group else "") if system else ""
    hardening = _COMMON + f"RestrictAddressFamilies={families}\n"
    if system:
        hardening += _SYSTEM_ONLY.format(home=_protect_home(root), root=place, tmp=_private_tmp(root))
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


def _protect_home(root: Root) -> str:
    """Hide the homes, unless the program or the root lies in one."""
    homes = (Path("/home"), Path("/root"), Path("/run/user"))
    needed = (root.path, Path(sys.executable), Path(sys.prefix), Path(__file__))
    return "read-only" if any(path.is_relative_to(home) for path in needed for home in homes) else "yes"


def _private_tmp(root: Root) -> str:
    """Give the service a /tmp of its own, unless the root lies in the real one."""
    return "no" if any(root.path.is_relative_to(place) for place in ("/tmp", "/var/tmp")) else "yes"  # noqa: S108


def _quoted(text: str) -> str:
    """Return one word as systemd reads it: ``%`` and ``$`` are special, quotes and backslashes escape."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(character in text for character in " \t'\";\\") else plain


def _plain(text: str) -> str:
    return text.replace("%", "%%")
