import asyncio
import base64
import io
import json
import zipfile
from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mlflow.pyfunc import save_model

from lds_mlflow.domains import domain_of
from lds_mlflow.errors import TrackingError
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import latent_density
from lds_mlflow.samplers.classes import with_classes
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import save_sampler, with_densities
from lds_mlflow.tracking import Tracker
from lds_mlflow.tracking.registry import signature_of
from lds_mlflow.tracking.server import Guard, service_of
from tests.tiny import SPEC

JSON, CSV, PARQUET = b"application/json", b"text/csv", b"application/vnd.apache.parquet"


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body that it gets."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def _answer(
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


def _ask(
    chunks: Iterable[bytes],
    content_type: bytes | None = JSON,
    method: str = "POST",
    most: int = 100,
    accept: str = "json",
) -> tuple[int, bytes]:
    headers = [] if content_type is None else [(b"content-type", content_type)]
    sent = _answer(Guard(_echo, ("truncation",), accept, most), chunks, headers, method)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("served")
    latents = latent_density(torch.randn(50, 4), sigma="0.5")
    density = with_densities(with_classes(latents, torch.arange(50) % 2, ("cats & dogs", "<b>")))
    save_sampler(folder / "values", VAE.initialised(SPEC, 0).to_weights(), dict.fromkeys(DISTRIBUTIONS, density))
    save_model(
        folder / "model",
        loader_module="lds_mlflow.tracking.pyfunc_model",
        data_path=str(folder / "values"),
        signature=signature_of(domain_of("images")),
        pip_requirements=[],
    )
    return str(folder / "model")


@pytest.fixture(scope="module")
def service(model_path: str) -> Any:
    return service_of(model_path)


def _invoke(service: Any, body: bytes, content_type: bytes = JSON) -> tuple[int, dict[bytes, bytes], Any]:
    start, *rest = _answer(service, [body], [(b"content-type", content_type)])
    answer = b"".join(message.get("body", b"") for message in rest)
    return start["status"], dict(start["headers"]), json.loads(answer)


def _parquet_of(*seeds: float) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"seed": list(seeds)}).to_parquet(buffer)
    return buffer.getvalue()


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
    sent = _answer(Guard(_echo), [b"PAR1"], [(b"content-type", PARQUET), (b"content-type", JSON)])
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
    asyncio.run(Guard(_echo, most_bytes=100)(scope, receive, send))
    assert len(read) == 3


@pytest.mark.usefixtures("tracker")
def test_a_model_that_is_not_there_is_told() -> None:
    with pytest.raises(TrackingError, match=r"models:/nobody@champion.*Register a model with the command finetune"):
        service_of("models:/nobody@champion")


@pytest.mark.parametrize(
    "body",
    [
        '{"dataframe_records": [{"seed": %s}]}',
        '{"dataframe_records": [{"seed": 1}, {"seed": %s}]}',
        '{"dataframe_split": {"columns": ["seed"], "data": [[%s]]}}',
        '{"inputs": {"seed": [%s]}}',
        '{"instances": [{"seed": %s}]}',
    ],
)
def test_a_seed_that_is_no_integer_is_refused_in_every_form_of_a_request(service: Any, body: str) -> None:
    assert _invoke(service, (body % "3").encode())[0] == 200
    for seed in ("1.5", '"7"', "true", "-1", "null", "1e400", "9" * 4300):
        status, _, answer = _invoke(service, (body % seed).encode())
        assert (status, "one integer from 0 to 2^32 - 1" in answer["message"]) == (400, True)


@pytest.mark.parametrize(("content_type", "body"), [(CSV, b"seed\n%g\n"), (PARQUET, b"")])
def test_other_kinds_of_bodies_have_the_same_seeds(model_path: str, content_type: bytes, body: bytes) -> None:
    service = service_of(model_path, "any")
    for seed, wanted in ((3.0, 200), (1.5, 400)):
        assert _invoke(service, body % seed if body else _parquet_of(seed), content_type)[0] == wanted


def test_a_label_is_a_param_and_one_that_is_not_there_is_refused_in_a_sentence(service: Any) -> None:
    request = {"dataframe_records": [{"seed": 1}], "params": {"label": "cats & dogs"}}
    status, headers, _ = _invoke(service, json.dumps(request).encode())
    assert (status, b"ignored-params" in headers) == (200, False)
    for label in ("cat", "CATS & DOGS", 3, ["<b>"]):
        request["params"] = {"label": label}
        status, _, answer = _invoke(service, json.dumps(request).encode())
        assert status == 400
        assert "label" in answer["message"]
    request["params"] = {"label": "cat"}
    assert "expected the name of a class as in the data: cats & dogs, <b>" in str(
        _invoke(service, json.dumps(request).encode())[2]["message"]
    )


def _get(service: Any, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    start, *rest = _answer(service, [], [], "GET", path)
    return start["status"], dict(start["headers"]), b"".join(message.get("body", b"") for message in rest)


def test_the_gallery_offers_the_classes_of_the_model_with_their_names_escaped(service: Any) -> None:
    page = _get(service, "/")[2].decode()
    assert '"classes": ["cats & dogs", "\\u003cb>"]' in page
    assert "<!-- about -->" not in page


@pytest.mark.parametrize(("name", "kind"), [("main.js", b"javascript"), ("style.css", b"text/css")])
def test_what_the_gallery_loads_is_there_and_no_other_file_is(service: Any, name: str, kind: bytes) -> None:
    status, headers, _ = _get(service, f"/gallery/{name}")
    assert (status, kind in headers[b"content-type"]) == (200, True)
    assert _get(service, "/gallery/../images.py")[0] == 404


def test_an_archive_has_the_samples_that_invocations_answers(service: Any) -> None:
    body = b'{"dataframe_records": [{"seed": 3}, {"seed": 5}], "params": {"truncation": 0.5, "format": "array"}}'
    start, *rest = _answer(service, [body], [(b"content-type", JSON)], path="/archive")
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (200, b"application/zip")
    with zipfile.ZipFile(io.BytesIO(b"".join(message.get("body", b"") for message in rest))) as archive:
        assert archive.namelist() == ["001-seed-3-image.png", "002-seed-5-image.png", "samples.csv"]
        _, _, answer = _invoke(service, body.replace(b"array", b"png"))
        assert archive.read("001-seed-3-image.png") == base64.b64decode(answer["predictions"][0]["image"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"dataframe_records": [{"seed": -1}]}', 400),
        (b'{"dataframe_records": [{"seed": 1}], "params": {"label": "cat"}}', 400),
        (b'{"dataframe_records": [{}]}', 400),
        (b'{"dataframe_records": []}', 400),
        (b'{"dataframe_records": [3]}', 422),
        (b'{"instances": [3]}', 422),
        (b"[1", 400),
    ],
)
def test_an_archive_that_can_not_be_made_is_refused(service: Any, body: bytes, status: int) -> None:
    assert _answer(service, [body], [(b"content-type", JSON)], path="/archive")[0]["status"] == status


@pytest.mark.parametrize("body", [b'{"inputs": [3, 4]}', b'{"instances": [3, 4]}', b'{"inputs": {"n": 2, "seed": 3}}'])
def test_seeds_may_come_as_a_list_or_as_a_number_of_them(service: Any, body: bytes) -> None:
    status, _, answer = _invoke(service, body)
    assert (status, [row["seed"] for row in answer["predictions"]]) == (200, [3, 4])


def test_an_answer_names_params_that_the_model_does_not_have(service: Any) -> None:
    request = {"dataframe_records": [{"seed": 1}], "params": {"psi": 0.5, "truncation": 0.5, "\u03c8\n": 1}}
    status, headers, _ = _invoke(service, json.dumps(request).encode())
    assert (status, json.loads(headers[b"ignored-params"])) == (200, ["psi", "\u03c8\n"])
    del request["params"]
    assert b"ignored-params" not in _invoke(service, json.dumps(request).encode())[1]


LONG_INTEGERS = st.integers(4000, 4300).map(lambda n: int("7" * n))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | LONG_INTEGERS | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["seed", "seed_to", "at", "n", "x"]), ANY_JSON, max_size=2), max_size=3)
NAMES = st.sampled_from(["truncation", "sampler", "format", "min_density", "label", "balance", "nearest", "psi"])
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "dataframe_records": ROWS | ANY_JSON,
        "dataframe_split": st.fixed_dictionaries({"columns": st.just(["seed"]), "data": ANY_JSON}),
        "inputs": st.fixed_dictionaries({"seed": ANY_JSON}) | ANY_JSON,
        "params": st.dictionaries(NAMES, ANY_JSON, max_size=3) | ANY_JSON,
    },
)
BODIES = st.one_of(
    REQUESTS.map(lambda request: json.dumps(request).encode()),
    ANY_JSON.map(lambda value: json.dumps(value).encode()),
    st.integers(4290, 4400).map(lambda n: b'{"dataframe_records": [{"seed": ' + b"7" * n + b"}]}"),
    st.binary(max_size=99),
)


@given(body=BODIES, content_type=st.sampled_from([JSON, JSON, JSON, CSV, PARQUET, b"x/y"]))
def test_no_request_makes_the_server_fail(service: Any, body: bytes, content_type: bytes) -> None:
    start, *_ = _answer(service, [body], [(b"content-type", content_type)])
    assert start["status"] in (200, 400, 415)


def test_an_alias_that_no_version_has_is_told_with_the_versions_that_there_are(tracker: Tracker) -> None:
    tracker.client.create_registered_model("faces")
    for run in ("r1", "r2"):
        tracker.client.create_model_version("faces", "file:///nowhere", run)
    with pytest.raises(TrackingError, match=r"The versions of faces are 1, 2: give one of these, such as .*faces/2"):
        service_of("models:/faces@champion")
