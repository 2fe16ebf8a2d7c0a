"""Who gets an answer, as requests of every kind see it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from styled.web.guard import Guard
from tests.web.conftest import TOKEN

SECRET = b"what only the page may see"
OWN = [("host", "127.0.0.1:8000")]


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["path"].encode())]})
    await send({"type": "http.response.body", "body": SECRET})


def ask(path: str, headers: list[tuple[str, str]], token: str = TOKEN) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of the answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode("utf-8", "surrogateescape"), "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }  # fmt: skip
    asyncio.run(Guard(_app, token)(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), found


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        (OWN, f"/{TOKEN}/"),
        (OWN, f"/{TOKEN}/events"),
        ([("host", "localhost:9")], f"/{TOKEN}/"),
        ([("host", "LocalHost")], f"/{TOKEN}/"),
        ([("host", "[::1]:80")], f"/{TOKEN}/"),
        ([*OWN, ("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "same-origin")], f"/{TOKEN}/events"),
        ([*OWN, ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], f"/{TOKEN}/"),
        # A link in a mail or a chat of the browser.
        ([*OWN, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")], f"/{TOKEN}/"),
    ],
)  # fmt: skip
def test_the_page_itself_gets_an_answer_without_the_token_in_its_path(
    headers: list[tuple[str, str]], path: str
) -> None:
    status, body, found = ask(path, headers)
    assert (status, body) == (200, SECRET)
    assert found["x-path"] == path.removeprefix(f"/{TOKEN}")
    assert found["referrer-policy"] == "no-referrer"
    assert found["content-security-policy"].startswith("default-src 'none'")
    assert found["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in found
    assert "set-cookie" not in found


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        (OWN, "/"),
        (OWN, f"/{TOKEN}"),
        (OWN, f"/{TOKEN[:-1]}/"),
        (OWN, f"/{TOKEN}0/"),
        (OWN, f"/{TOKEN.upper()}/"),
        (OWN, "/événement/"),
        (OWN, "/\udcff/"),
        (OWN, f"/x/{TOKEN}/"),
        ([], f"/{TOKEN}/"),
        ([("host", "rebound.test:8000")], f"/{TOKEN}/"),
        ([("host", "127.0.0.1.rebound.test")], f"/{TOKEN}/"),
        ([("host", "localhost.")], f"/{TOKEN}/"),
        ([("host", "127.0.0.1:8000@rebound.test")], f"/{TOKEN}/"),
        ([("host", "0.0.0.0:8000")], f"/{TOKEN}/"),
        ([*OWN, ("host", "rebound.test")], f"/{TOKEN}/"),
        ([*OWN, ("origin", "http://127.0.0.1:8001")], f"/{TOKEN}/events"),
        ([*OWN, ("origin", "https://127.0.0.1:8000")], f"/{TOKEN}/events"),
        ([*OWN, ("origin", "null")], f"/{TOKEN}/events"),
        ([*OWN, ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], f"/{TOKEN}/"),
        ([*OWN, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], f"/{TOKEN}/"),
        ([*OWN, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")], f"/{TOKEN}/events"),
    ],
)  # fmt: skip
def test_who_lacks_the_token_or_comes_from_elsewhere_gets_nothing(headers: list[tuple[str, str]], path: str) -> None:
    status, body, found = ask(path, headers)
    assert status == 403
    assert SECRET not in body
    assert TOKEN.encode() not in body
    assert "x-path" not in found
