"""Hosts of a network of their own on this machine: network namespaces joined by a bridge, each of which can be cut off."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from types import TracebackType
from typing import Self

from styled.backend.staged.host import Host


def missing() -> str:
    """Return why there can be no such network here, or an empty text."""
    absent = [program for program in ("ip", "nsenter") if shutil.which(program) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: apt install iproute2)"
    if os.geteuid():
        return "it needs root"
    try:
        with Network():
            return ""
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip()


class Network:
    """This machine, that others may call ``head``, and two nodes, for the length of a block."""

    def __init__(self) -> None:
        # An interface's name has fifteen characters at most.
        self._bridge = f"st{secrets.token_hex(3)}"
        self._subnet = f"10.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 2}"
        self._nodes = {f"node{number}": f"{self._bridge}n{number}" for number in (1, 2)}

    @property
    def hosts(self) -> list[Host]:
        """The head, and each node."""
        nodes = [
            Host(self._address(number), ("nsenter", f"--net=/run/netns/{space}"))
            for number, space in enumerate(self._nodes.values(), 1)
        ]
        return [Host(self._address(0)), *nodes]

    def _address(self, number: int) -> str:
        return f"{self._subnet}.{10 + number}"

    def __enter__(self) -> Self:
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("address", "add", f"{self._address(0)}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for number, space in enumerate(self._nodes.values(), 1):
                _ip("netns", "add", space)
                _ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
                _ip("link", "set", space, "master", self._bridge, "up")
                _ip("-n", space, "address", "add", f"{self._address(number)}/24", "dev", "eth0")
                for interface in ("eth0", "lo"):
                    _ip("-n", space, "link", "set", interface, "up")
        except BaseException:
            self.close()
            raise
        return self

    def cut(self, name: str) -> None:
        """Cut a node's cable: nobody hears of it any more, and all that runs there runs on."""
        _ip("link", "set", self._nodes[name], "down")

    def mend(self, name: str) -> None:
        """Undo :meth:`cut`."""
        _ip("link", "set", self._nodes[name], "up")

    def close(self) -> None:
        """Remove it; what runs there has ended before."""
        for space in self._nodes.values():
            _ip("netns", "delete", space, check=False)
            _ip("link", "delete", space, check=False)
        _ip("link", "delete", self._bridge, check=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)
