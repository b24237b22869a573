import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking.server import Guard, service_of

JSON = b"application/json"


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body that it gets."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def _ask(
    chunks: Iterable[bytes], content_type: bytes | None = JSON, method: str = "POST", most: int = 100
) -> tuple[int, bytes]:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if content_type is None else [(b"content-type", content_type)]
    asyncio.run(Guard(_echo, most)({"type": "http", "method": method, "headers": headers}, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_a_body_in_pieces_is_passed_on_whole() -> None:
    assert _ask([b'{"a": ', b"1}"]) == (200, b'{"a": 1}')


def test_what_is_no_json_is_passed_on_for_the_application_to_say_so() -> None:
    assert _ask([b"{"]) == (200, b"{")
    assert _ask([b"seed\n1\n"], b"text/csv") == (200, b"seed\n1\n")


def test_other_methods_pass() -> None:
    assert _ask([], None, "GET") == (200, b"")


@pytest.mark.parametrize(
    ("chunks", "content_type", "status", "says"),
    [
        ([b"x" * 101], JSON, 413, "more than 100 bytes"),
        ([b"x" * 60, b"x" * 60], JSON, 413, "more than 100 bytes"),
        ([b"{}"], None, 415, "no content type"),
        ([b"{}"], b"", 415, "no content type"),
    ],
)
def test_what_an_application_would_fail_at_is_refused_in_a_sentence(
    chunks: list[bytes], content_type: bytes | None, status: int, says: str
) -> None:
    found, body = _ask(chunks, content_type)
    assert found == status
    assert says in json.loads(body)["message"]


def test_deep_json_is_refused() -> None:
    status, body = _ask([b"[" * 100_000], most=200_000)
    assert (status, "nested too deeply" in json.loads(body)["message"]) == (400, True)


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    read: list[int] = []

    def chunks() -> Iterable[bytes]:
        for i in range(1000):
            read.append(i)
            yield b"x" * 50

    messages = chunks()

    async def receive() -> Any:
        return {"type": "http.request", "body": next(iter(messages)), "more_body": True}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", JSON)]}
    asyncio.run(Guard(_echo, 100)(scope, receive, send))
    assert len(read) == 3


@pytest.mark.usefixtures("tracker")
def test_a_model_that_is_not_there_is_told() -> None:
    with pytest.raises(TrackingError, match=r"models:/nobody@champion.*Register a model with the command finetune"):
        service_of("models:/nobody@champion")
