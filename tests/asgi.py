"""Requests to an application that speaks ASGI, without a network."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

__all__ = ["CSV", "JSON", "PARQUET", "answer_of", "echo", "rows_answered"]

JSON, CSV, PARQUET = b"application/json", b"text/csv", b"application/vnd.apache.parquet"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body that it gets."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def answer_of(
    app: Any,
    chunks: Iterable[bytes],
    headers: list[tuple[bytes, bytes]],
    method: str = "POST",
    path: str = "/invocations",
) -> list[Any]:
    """Returns the messages that an application answers a request with."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        # A client that has sent all waits for the answer.
        return messages.pop(0) if messages else await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(
        app(
            {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers},
            receive,
            send,
        )
    )
    return sent


def rows_answered(app: Any, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the rows that a served model answers a request of JSON with."""
    start, *rest = answer_of(app, [json.dumps(body).encode()], [(b"content-type", JSON)])
    answer = b"".join(message.get("body", b"") for message in rest)
    assert start["status"] == 200, answer
    rows: list[dict[str, Any]] = json.loads(answer)["predictions"]
    return rows
