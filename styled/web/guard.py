"""Who gets an answer: only who knows the token, from this machine's own page.

The address holds the token as its first part. A cookie would be sent to every program that listens on another port of
``127.0.0.1``, other users' among them; a part of the path is sent to nobody, given ``Referrer-Policy: no-referrer``.

Other pages in the same browser do not know the token. Were it lost, they would still get nothing: their requests have
another ``Origin``, another ``Sec-Fetch-Site``, or, where a name of theirs was made to lead to 127.0.0.1 (DNS rebinding), another
``Host``.
"""

from __future__ import annotations

import hmac
import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OWN_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
"""Any port: ``ssh -L`` may give the page another one."""

_OWN_SITES = frozenset({"same-origin", "none"})
"""``none``: typed, or a bookmark."""

_UNLESS_GIVEN = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Passes on what may be answered, without the token in its path.

    Args:
        app: answers; it sees paths below ``/TOKEN``.
        token: the first part of the address.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                rest = [(name.lower().encode(), value.encode()) for name, value in _UNLESS_GIVEN.items()]
                message["headers"] = [*message["headers"], *(pair for pair in rest if pair[0] not in given)]
            await send(message)

        why_not = self._refusal(scope)
        if why_not:
            await PlainTextResponse(why_not, 403)(scope, receive, send_guarded)
            return
        path = "/" + scope["path"].lstrip("/").partition("/")[2]
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        await self._app(inner, receive, send_guarded)

    def _refusal(self, scope: Scope) -> str:
        """Return why a request is not answered; empty if it is."""
        if scope["type"] != "http":
            return "Only pages are served here.\n"
        found: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            found.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts, origins = found.get(b"host", []), found.get(b"origin", [])
        if len(hosts) != 1 or not _OWN_HOST.fullmatch(hosts[0]):
            return "This page is served to 127.0.0.1 and localhost only.\n"
        if any(origin.lower() != f"http://{hosts[0]}".lower() for origin in origins):
            return "This page is served to itself only.\n"
        goes_to_it = found.get(b"sec-fetch-mode") == ["navigate"] and found.get(b"sec-fetch-dest") == ["document"]
        if not _OWN_SITES.issuperset(found.get(b"sec-fetch-site", [])) and not goes_to_it:
            return "This page is served to itself only.\n"
        first, slash, _ = scope["path"].lstrip("/").partition("/")
        # Compared as bytes: a text that is not ASCII cannot be.
        if not hmac.compare_digest(first.encode("utf-8", "surrogateescape"), self._token) or not slash:
            return "Open the address that styled web has printed, all of it, with the slash at its end.\n"
        return ""
