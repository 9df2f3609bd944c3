"""What stands before everything else: who may call, how much may be sent, and what browsers are told.

Plain ASGI, so that a body that is too large is stopped before anything of it is parsed.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:", "connect-src 'self'",
        "media-src 'self' blob:", "form-action 'none'", "frame-ancestors 'none'", "base-uri 'none'",
    )
)  # fmt: skip
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""Sent with every answer."""
DRAINED = 4
"""A body of up to so many times the limit is read to its end and thrown away, so that the sender sees the answer."""


class TooLargeError(Exception):
    """More was sent than is taken."""


class Guard:
    """Checks the Host header, the origin of what a browser sends, and the size of the body."""

    def __init__(self, app: Asgi, *, hosts: tuple[str, ...], max_bytes: int) -> None:
        self.app, self.hosts, self.max_bytes = app, {host.lower() for host in hosts}, max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, started = headers.get("host", ""), False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = {name.lower() for name, _ in message.get("headers", [])}
                extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *(pair for pair in extra if pair[0] not in own)]
            await send(message)

        if not self._may_be_called(host):
            name = _name_of(host) or "(none)"
            detail = f"this server does not answer to the name {name[:80]!r}: start it with --allow-host for it"
            await _problem(send_guarded, 421, detail)
            return
        origin = headers.get("origin")
        if (
            origin is not None
            and scope["method"] not in ("GET", "HEAD")
            and _name_of(origin.partition("://")[2]) != _name_of(host)
        ):
            await _problem(send_guarded, 403, "a page of another site may not use this server")
            return
        length = headers.get("content-length", "")
        taken, limit = 0, self.max_bytes
        too_large = f"the request is larger than {limit / 1e6:g} MB: scale the photo down, or raise --max-megabytes"

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                await _drain(receive, message, DRAINED * limit - taken)
                raise TooLargeError
            return message

        if length.isdigit() and int(length) > limit:
            await _drain(receive, {"more_body": True}, DRAINED * limit if int(length) <= DRAINED * limit else 0)
            await _problem(send_guarded, 413, too_large)
            return
        try:
            await self.app(scope, receive_counted, send_guarded)
        except TooLargeError:
            if not started:
                await _problem(send_guarded, 413, too_large)

    def _may_be_called(self, host: str) -> bool:
        """Names that others may point here (DNS rebinding) are refused; addresses in numbers cannot be pointed."""
        name = _name_of(host)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name == "localhost" or name in self.hosts
        return True


def _name_of(host: str) -> str:
    """ "Localhost:8000" → "localhost", "[::1]:8000" → "::1"; what is neither stays as it is."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::\d*)?", host)
    return host.lower() if found is None else (found[1] or found[2]).lower().rstrip(".")


async def _drain(receive: Receive, message: Message, most: int) -> None:
    """Reads and forgets the rest of a body, up to `most` bytes."""
    while message.get("more_body") and most > 0:
        message = await receive()
        if message["type"] != "http.request":
            return
        most -= len(message.get("body", b""))


async def _problem(send: Send, status: int, detail: str) -> None:
    body = problem(status, detail)
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def problem(status: int, detail: str, code: str | None = None, field: str | None = None) -> bytes:
    """The body of application/problem+json (RFC 9457): what went wrong, in one line."""
    found = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": " ".join(detail.split()),
    }
    found |= {"code": code} if code else {}
    found |= {"field": field} if field else {}
    return json.dumps(found, ensure_ascii=False).encode()
