"""The guard before the server of a registered model: requests that the server would fail at are refused in a sentence.

Refused are requests that MLflow's server would read into memory whatever their size, or answer with a status of 500:
large bodies, bodies that are not JSON (a small one in Parquet may unpack to gigabytes), JSON that is nested too deeply
for a parser, and integers of more digits than Python reads. So are bodies that take too long to arrive, and requests
that name another host, as those of a page of another site do that has made its own name lead here.
"""

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from ipaddress import ip_address
from socket import gethostname
from typing import Any

import pandas as pd
from fastapi import Request
from fastapi.responses import JSONResponse

__all__ = ["IGNORED", "VERSION", "App", "Guard", "Message", "Receive", "Send"]

MOST_BYTES = 2**20
"""Largest body of a request: a hundred times the size of 256 indented rows."""

IGNORED = "Ignored-Params"
"""The header of an answer that names the params of its request which the model doesn't have, as a list in JSON."""

VERSION = "Model-Version"
"""The header of an answer that says which version it is from, as NAME/NUMBER."""

_BODY_SECONDS = 30.0
_INVOCATIONS = "/invocations"
_JSON, _CSV = "application/json", "text/csv"
_MOST_NAMED, _LONGEST_NAME = 20, 50

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class RefusedError(Exception):
    """A request is not passed on: the status of the answer, and a sentence."""


class Guard:
    """Passes safe requests on to an application; other requests are answered with a status of 4xx and a sentence.

    Args:
        app: The application.
        params: The params that the model takes; the answer's header IGNORED names others.
        accept: "json" passes JSON only; "any" also passes bodies of every other kind, to /invocations.
        most_bytes: Largest size of a request's body in bytes.
        most_seconds: Longest time that a body may take to arrive.
        hosts: Names that requests may give as their host, beside localhost, this machine's, and addresses of numbers.
        version: What the answer's header VERSION says; "" for no such header.
    """

    def __init__(
        self,
        app: App,
        params: Collection[str] = (),
        accept: str = "json",
        *,
        most_bytes: int = MOST_BYTES,
        most_seconds: float = _BODY_SECONDS,
        hosts: Collection[str] = (),
        version: str = "",
    ) -> None:
        self.app, self.params, self.accept = app, params, accept
        self.most_bytes, self.most_seconds = most_bytes, most_seconds
        self.hosts = {"localhost", gethostname().lower(), *(host.lower() for host in hosts)}
        self.version = version

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {VERSION: self.version} if self.version else {}
        try:
            self._require_host(scope)
            if scope["method"] == "POST":
                scope, receive, ignored = await self._read(scope, receive)
                headers |= {IGNORED: json.dumps(ignored)} if ignored else {}
        except RefusedError as refused:
            status, sentence = refused.args
            await JSONResponse({"message": sentence}, status, headers)(scope, receive, send)
            return
        added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _require_host(self, scope: Message) -> None:
        given = Request(scope).headers.get("host", "")
        name = re.sub(r":\d*$", "", given).strip("[]").lower()
        if name and name not in self.hosts and not _is_number(name):
            raise RefusedError(
                421, f"The host is {name[:100]}. Start the server with allowed_hosts={name[:100]} if that is its name."
            )

    async def _read(self, scope: Message, receive: Receive) -> tuple[Message, Receive, list[str]]:
        """Returns the request to pass on, its body read and checked, and the params that the model doesn't have."""
        # Of several content types, this is the one that MLflow reads too.
        kind = Request(scope).headers.get("content-type", "").split(";")[0].strip()
        try:
            body = await asyncio.wait_for(self._body(receive), self.most_seconds)
        except TimeoutError:
            raise RefusedError(408, f"The body has not arrived within {self.most_seconds:g} seconds.") from None
        is_open = self.accept == "any" and scope["path"] == _INVOCATIONS
        body, ignored = self._checked(kind, body, is_open=is_open)
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        return _as_json(scope) if kind == _CSV else scope, replay, ignored

    async def _body(self, receive: Receive) -> bytes:
        body, more = bytearray(), True
        while more and len(body) <= self.most_bytes:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if more or len(body) > self.most_bytes:
            raise RefusedError(413, f"The body has more than {self.most_bytes:,} bytes. Ask for fewer samples at once.")
        return bytes(body)

    def _checked(self, kind: str, body: bytes, *, is_open: bool) -> tuple[bytes, list[str]]:
        """Returns the body to pass on, and the params that the model doesn't have."""
        if not kind:
            raise RefusedError(415, f"There is no content type. Send Content-Type: {_JSON}.")
        if kind == _JSON:
            return body, self._unknown_params(_parsed(body))
        if not is_open:
            raise RefusedError(
                415,
                f"The content type is {kind[:100]}. Send JSON, with Content-Type: {_JSON}, or serve with accept=any.",
            )
        return _rows_in_json(body) if kind == _CSV else body, []

    def _unknown_params(self, document: Any) -> list[str]:
        given = document.get("params") if isinstance(document, dict) else None
        unknown = [name for name in given if name not in self.params] if isinstance(given, dict) else []
        return [name[:_LONGEST_NAME] for name in unknown[:_MOST_NAMED]]


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise RefusedError(400, "The JSON is nested too deeply. Send rows, each with a seed.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RefusedError(400, f"The body is not JSON: {error}. Send rows, each with a seed.") from None
    except ValueError:
        # Python's limit on the digits of an integer.
        raise RefusedError(400, "The JSON has an integer of too many digits. A seed is from 0 to 2^32 - 1.") from None


def _rows_in_json(csv: bytes) -> bytes:
    # MLflow reads CSV only for models whose columns all have a type, and would cast a seed of 1.5 to that type.
    try:
        rows: str = pd.read_csv(io.BytesIO(csv)).to_json(orient="split")
    except ValueError as error:
        raise RefusedError(400, f"The body is not CSV: {error}. Send a line with the word seed, then seeds.") from None
    return f'{{"dataframe_split": {rows}}}'.encode()


def _as_json(scope: Message) -> Message:
    others = [header for header in scope["headers"] if header[0] != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", _JSON.encode())]}


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
