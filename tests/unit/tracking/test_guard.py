import asyncio
import json
from collections.abc import Iterable
from socket import gethostname
from typing import Any

import pytest

from lds_mlflow.tracking.guard import Guard
from tests.asgi import CSV, JSON, PARQUET, answer_of, echo


def _ask(
    chunks: Iterable[bytes],
    content_type: bytes | None = JSON,
    method: str = "POST",
    most: int = 100,
    accept: str = "json",
) -> tuple[int, bytes]:
    headers = [] if content_type is None else [(b"content-type", content_type)]
    sent = answer_of(Guard(echo, ("truncation",), accept, most_bytes=most), chunks, headers, method)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_a_body_in_pieces_is_passed_on_whole() -> None:
    assert _ask([b'{"a": ', b"1}"]) == (200, b'{"a": 1}')


@pytest.mark.parametrize(
    "content_type", [CSV, PARQUET, PARQUET + b"; charset=utf-8", b" " + PARQUET, b"application/jsonp"]
)
def test_only_json_passes_unless_more_is_asked_for(content_type: bytes) -> None:
    status, body = _ask([b"{}"], content_type)
    assert (status, "Send JSON" in json.loads(body)["message"]) == (415, True)
    assert _ask([b"{}"], content_type, accept="any")[0] in (200, 400)


def test_the_first_of_two_content_types_counts_as_it_does_for_mlflow() -> None:
    sent = answer_of(Guard(echo), [b"PAR1"], [(b"content-type", PARQUET), (b"content-type", JSON)])
    assert sent[0]["status"] == 415


def test_rows_in_csv_are_passed_on_in_json_where_they_are_asked_for() -> None:
    status, body = _ask([b"seed\n1\n2\n"], CSV, accept="any")
    assert status == 200
    assert json.loads(body)["dataframe_split"]["data"] == [[1], [2]]
    status, body = _ask([b""], CSV, accept="any")
    assert (status, "not CSV" in json.loads(body)["message"]) == (400, True)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'{"seed": ' + b"9" * 4301 + b"}", "integer of too many digits"),
        (b"-" + b"9" * 5000, "integer of too many digits"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_can_not_be_read_is_refused_in_a_sentence(body: bytes, says: str) -> None:
    status, answer = _ask([body], most=200_000)
    assert (status, says in json.loads(answer)["message"]) == (400, True)


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
    asyncio.run(Guard(echo, most_bytes=100)(scope, receive, send))
    assert len(read) == 3


@pytest.mark.parametrize(
    "host", ["localhost:5001", "127.0.0.1", "[::1]:5001", "10.1.2.3:80", gethostname(), "Faces.example:443", ""]
)
def test_requests_that_name_this_server_pass(host: str) -> None:
    sent = answer_of(Guard(echo, hosts=["faces.example"]), [b"{}"], [(b"content-type", JSON), (b"host", host.encode())])
    assert sent[0]["status"] == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:5001", "127.0.0.1.evil.example", "x" * 5000])
def test_requests_that_name_another_host_are_refused(host: str, method: str) -> None:
    sent = answer_of(Guard(echo), [b"{}"], [(b"content-type", JSON), (b"host", host.encode())], method)
    assert sent[0]["status"] == 421
    assert "allowed_hosts" in json.loads(sent[1]["body"])["message"]


def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", JSON)]}
    asyncio.run(Guard(echo, most_seconds=0.02)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert "within 0.02 seconds" in json.loads(sent[1]["body"])["message"]


@pytest.mark.parametrize("content_type", [JSON, CSV])
def test_every_answer_names_the_version_that_it_is_from(content_type: bytes) -> None:
    sent = answer_of(Guard(echo, version="faces/3"), [b"{}"], [(b"content-type", content_type)])
    assert dict(sent[0]["headers"])[b"model-version"] == b"faces/3"
