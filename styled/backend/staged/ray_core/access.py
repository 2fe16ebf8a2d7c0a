"""Who may use a Ray cluster: those with its token, and nobody else.

Ray runs the code of whoever reaches it. So styled uses none that takes anybody, and no token that others can read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from styled.config import BackendConfig
from styled.errors import BackendAway, BackendRefuses, DataDamaged
from styled.files.decoding import read_file

_MOST_TOKEN = 4096
_PATIENCE_S = 5.0

_MODE_ADVICE = "Start Ray on every node with RAY_AUTH_MODE=token in its environment, and the same token file (styled's README, Ray)."


def token_file(config: BackendConfig) -> Path:
    """Return the file with the token: ``[backend] token_file``, or Ray's own place."""
    return Path(config.token_file) if config.token_file else Path.home() / ".ray" / "auth_token"


def read_token(path: Path) -> str:
    """Return the token in a file that nobody else can read.

    Raises:
        BackendRefuses: it is not there, is empty, or others can read it.
    """
    make = f"(umask 077; mkdir -p {path.parent}; openssl rand -hex 32 > {path}), and copy it to every node."
    try:
        found = path.lstat()
    except OSError as error:
        raise BackendRefuses(f"Ray's token {path} cannot be used: {error.strerror}", f"Make one: {make}") from error
    if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()):
        raise BackendRefuses(f"Ray's token {path} is no file of your own", f"Make one: {make}")
    if found.st_mode & 0o077:
        raise BackendRefuses(
            f"Ray's token {path} has mode {stat.S_IMODE(found.st_mode):04o}: others can read it, and run what they like on the nodes",
            f"chmod 600 {path}; if others may have read it: make another one {make}",
        )
    try:
        token = read_file(path, most=_MOST_TOKEN).decode("ascii").strip()
    except (OSError, DataDamaged, UnicodeDecodeError) as error:
        raise BackendRefuses(f"Ray's token {path} cannot be read", f"Make one: {make}") from error
    if len(token) < 16 or not token.isprintable():
        raise BackendRefuses(f"Ray's token {path} is none: 16 characters or more are expected", f"Make one: {make}")
    return token


class Gate:
    """Asks the head of a Ray whether it lives and whom it takes.

    A question of its own, with a deadline: Ray's functions may wait for minutes for a head that is gone, and end the
    process then.

    Args:
        config: says where, and the token's file.
    """

    def __init__(self, config: BackendConfig) -> None:
        self._address = config.address
        self._token = read_token(token_file(config))
        self._channel: Any = None

    def knock(self) -> None:
        """Return when the head answers.

        Raises:
            BackendAway: it does not, or does not take the token.
        """
        answer = self._asked(self._token)
        if answer == "UNAUTHENTICATED":
            raise BackendAway(
                f"Ray at {self._address} does not take this token", "Is it the token that Ray was started with?"
            )
        if answer:
            self.close()  # a channel waits longer and longer before it connects again
            raise BackendAway(f"nothing of Ray answers at {self._address} ({answer})", "Is Ray's head started there?")

    def check(self) -> None:
        """Return when the head answers with the token, and without one does not.

        Raises:
            BackendAway: it does not answer.
            BackendRefuses: it takes anybody.
        """
        self.knock()
        if self._asked("") != "UNAUTHENTICATED":
            raise BackendRefuses(f"Ray at {self._address} takes everybody, without a token", _MODE_ADVICE)

    def close(self) -> None:
        """Let go of the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _asked(self, token: str) -> str:
        """Ask whether the head lives; return the name of gRPC's status, an empty text for an answer."""
        import grpc  # TensorFlow brings it

        if self._channel is None:
            self._channel = grpc.insecure_channel(self._address, options=(("grpc.enable_http_proxy", 0),))
        ask = self._channel.unary_unary("/ray.rpc.NodeInfoGcsService/CheckAlive")
        try:
            ask(b"", timeout=_PATIENCE_S, metadata=(("authorization", f"Bearer {token}"),) if token else ())
        except grpc.RpcError as error:
            return str(error.code().name)
        return ""
