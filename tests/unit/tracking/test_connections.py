"""Connections of clients that never end what they have begun."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from lds_mlflow.tracking.connections import BoundedConnection
from tests.asgi import echo

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"


class Impatient(BoundedConnection):
    """Waits for a hundredth of a second."""

    head_seconds = 0.01


class Wire(asyncio.Transport):
    """Stands for a connection: keeps what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True


async def _connected(*pieces: bytes, app: Any = echo) -> Wire:
    config = uvicorn.Config(app, log_level="critical")
    config.load()
    connection, wire = Impatient(config, ServerState(), {}), Wire()
    connection.connection_made(wire)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.03)
    return wire


@pytest.mark.parametrize(
    "pieces", [(), (b"P",), (HEAD,), (HEAD, b"X-More: 1\r\n"), (HEAD + b"\r\n{}", b"GET / HTTP/1.1\r\nX: 1\r\n")]
)
def test_a_connection_without_the_whole_head_of_a_request_is_closed(pieces: tuple[bytes, ...]) -> None:
    assert asyncio.run(_connected(*pieces)).closed


def test_a_body_that_goes_on_after_its_answer_ends_the_connection() -> None:
    async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    answered = asyncio.run(_connected(head, app=refuse))
    assert b"413" in answered.written
    assert not answered.closed
    assert asyncio.run(_connected(head, b"x", app=refuse)).closed


def test_a_request_whose_head_is_there_goes_on() -> None:
    wire = asyncio.run(_connected(HEAD + b"\r\n", b"{", b"}"))
    assert b"200 OK" in wire.written
    assert wire.written.endswith(b"{}") or b"{}" in wire.written
    assert not wire.closed
