"""Ray is used where its token is asked for, and read by nobody else: a small gRPC server is the head of a Ray."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from styled.backend.staged.ray_core.access import Gate, read_token
from styled.backend.staged.ray_core.engine import RayEngine
from styled.config import BackendConfig
from styled.errors import BackendAway, BackendRefuses

TOKEN = "0123456789abcdef"  # noqa: S105  # of a head that the tests start


class Head(grpc.GenericRpcHandler):
    """Answers those that have the token, or everybody."""

    def __init__(self, token: str) -> None:
        self.token = token

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method != "/ray.rpc.NodeInfoGcsService/CheckAlive":
            return None
        given = dict(details.invocation_metadata).get("authorization", "")
        return grpc.unary_unary_rpc_method_handler(
            lambda _request, context: (
                b""
                if self.token in ("", given.removeprefix("Bearer "))
                else context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            )
        )


@pytest.fixture
def config(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[BackendConfig]:
    """Of a head with the token of the parameter."""
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=(Head(getattr(request, "param", TOKEN)),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "token").chmod(0o600)
    yield BackendConfig(kind="ray", address=f"127.0.0.1:{port}", token_file=str(tmp_path / "token"))
    server.stop(None).wait()


def test_a_head_that_asks_for_the_token_is_used(config: BackendConfig) -> None:
    gate = Gate(config)
    gate.check()
    gate.close()


@pytest.mark.parametrize("config", [""], indirect=True)
def test_one_that_takes_everybody_is_not(config: BackendConfig) -> None:
    with pytest.raises(BackendRefuses, match="takes everybody, without a token") as caught:
        RayEngine("styled-x-", config).look()
    assert "RAY_AUTH_MODE=token" in caught.value.advice


@pytest.mark.parametrize("config", ["another-token-of-16"], indirect=True)
def test_a_token_that_is_not_taken_is_told(config: BackendConfig) -> None:
    with pytest.raises(BackendAway, match="does not take this token"):
        Gate(config).check()


def test_a_head_that_is_not_there_is_away(config: BackendConfig) -> None:
    with pytest.raises(BackendAway, match="nothing of Ray answers at "):
        Gate(BackendConfig(kind="ray", address="127.0.0.1:1", token_file=config.token_file)).knock()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o604])
def test_a_token_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(mode)
    with pytest.raises(BackendRefuses, match=f"has mode {mode:04o}: others can read it") as caught:
        read_token(token)
    assert f"chmod 600 {token}" in caught.value.advice
    link = tmp_path / "link"
    link.symlink_to(token)
    with pytest.raises(BackendRefuses, match="no file of your own"):
        read_token(link)


@pytest.mark.parametrize("content", ["", "short", "0123456789abcdef\n0123456789abcdef", "é" * 20])
def test_what_is_no_token_is_refused(tmp_path: Path, content: str) -> None:
    token = tmp_path / "token"
    with pytest.raises(BackendRefuses, match="cannot be used: No such file"):
        read_token(token)
    token.write_text(content)
    token.chmod(0o600)
    with pytest.raises(BackendRefuses, match=r"is none|cannot be read"):
        read_token(token)
