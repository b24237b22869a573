import base64
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lds_mlflow.config import ServeConfig, parse
from lds_mlflow.errors import TrackingError
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.store import save_value
from lds_mlflow.tracking import Tracker
from lds_mlflow.tracking.guard import App
from lds_mlflow.tracking.opened import open_registered
from lds_mlflow.tracking.registry import Registry, Version
from lds_mlflow.tracking.server import Service, service_of
from tests.asgi import CSV, JSON, PARQUET, answer_of
from tests.tiny import SPEC


def _service(path: str, **values: Any) -> App:
    return service_of(open_registered(path), parse(ServeConfig, values))


@pytest.fixture(scope="module")
def service(model_path: str) -> Any:
    return _service(model_path)


def _invoke(service: Any, body: bytes, content_type: bytes = JSON) -> tuple[int, dict[bytes, bytes], Any]:
    start, *rest = answer_of(service, [body], [(b"content-type", content_type)])
    answer = b"".join(message.get("body", b"") for message in rest)
    return start["status"], dict(start["headers"]), json.loads(answer)


def _parquet_of(*seeds: float) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"seed": list(seeds)}).to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.usefixtures("tracker")
def test_a_model_that_is_not_there_is_told() -> None:
    with pytest.raises(TrackingError, match=r"models:/nobody@champion.*Register a model with the command finetune"):
        Service(parse(ServeConfig, {"model": "models:/nobody@champion"}), print)


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
    service = _service(model_path, accept="any")
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
    start, *rest = answer_of(service, [], [], "GET", path)
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
    start, *rest = answer_of(service, [body], [(b"content-type", JSON)], path="/archive")
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
        (b"[Infinity]", 422),
        (b'{"dataframe_records": [1e400]}', 422),
        (b'{"dataframe_records": [{}], "params": NaN}', 422),
        (b"[1", 400),
    ],
)
def test_an_archive_that_can_not_be_made_is_refused(service: Any, body: bytes, status: int) -> None:
    assert answer_of(service, [body], [(b"content-type", JSON)], path="/archive")[0]["status"] == status


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


TABLES = st.lists(st.sampled_from([0, 7, -1, 1.5, 2**40, float("nan")]), max_size=3)
REQUESTS_OF_ALL_KINDS = st.one_of(
    st.tuples(BODIES, st.sampled_from([JSON, JSON, CSV, PARQUET, b"x/y", b"multipart/form-data; boundary=b", None])),
    st.tuples(TABLES.map(lambda seeds: _parquet_of(*seeds)), st.just(PARQUET)),
    st.tuples(TABLES.map(lambda seeds: "\n".join(map(str, ["seed", *seeds])).encode()), st.just(CSV)),
    st.tuples(
        BODIES.map(lambda body: b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + body + b"\r\n--b--\r\n"),
        st.just(b"multipart/form-data; boundary=b"),
    ),
)


def test_no_request_makes_the_server_fail_or_grow(model_path: str) -> None:
    """With `--hypothesis-profile=thorough` these are 10,000 requests."""
    services = [_service(model_path), _service(model_path, accept="any")]
    process = psutil.Process()

    @given(request=REQUESTS_OF_ALL_KINDS, path=st.sampled_from(["/invocations", "/invocations", "/archive"]))
    def ask(request: tuple[bytes, bytes | None], path: str) -> None:
        body, content_type = request
        headers = [] if content_type is None else [(b"content-type", content_type)]
        for service in services:
            start, *_ = answer_of(service, [body], headers, path=path)
            assert start["status"] in (200, 400, 415, 422)

    answer_of(services[0], [b'{"instances": [1]}'], [(b"content-type", JSON)])
    before = process.memory_info().rss
    ask()
    assert process.memory_info().rss - before < 200 * 2**20


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/docs/oauth2-redirect"])
def test_pages_about_the_requests_are_there_where_they_are_asked_for(model_path: str, path: str) -> None:
    assert _get(_service(model_path), path)[0] == 404
    assert _get(_service(model_path, api_docs=True), path)[0] == 200


def test_another_host_is_refused_and_a_name_that_is_allowed_is_not(model_path: str) -> None:
    for allowed, status in (("", 421), ("other.example, faces.example", 200)):
        service = _service(model_path, allowed_hosts=allowed)
        assert answer_of(service, [], [(b"host", b"faces.example:80")], "GET", "/")[0]["status"] == status


def _register(tracker: Tracker, path: str) -> None:
    if not tracker.client.search_registered_models():
        tracker.client.create_registered_model("faces")
    version = tracker.client.create_model_version("faces", path, "r")
    tracker.client.set_registered_model_alias("faces", "challenger", version.version)


def test_a_service_goes_on_to_the_version_that_has_its_alias_and_says_which_one_answers(
    tracker: Tracker, model_path: str, tmp_path: Path
) -> None:
    _register(tracker, model_path)
    said: list[str] = []
    service = Service(parse(ServeConfig, {"model": "models:/faces@challenger", "follow_alias": True}), said.append)
    first = _invoke(service, b'{"instances": [1]}')
    service.follow()
    assert said == []
    shutil.copytree(model_path, tmp_path / "other")
    save_value(VAE.initialised(SPEC, 1).to_weights(), tmp_path / "other" / "data" / "values" / "weights")
    _register(tracker, str(tmp_path / "other"))
    assert _invoke(service, b'{"instances": [1]}') == first
    service.follow()
    second = _invoke(service, b'{"instances": [1]}')
    assert [answer[1][b"model-version"] for answer in (first, second)] == [b"faces/1", b"faces/2"]
    assert first[2] != second[2]
    assert said == ["Serving faces/2 from now on."]


def test_a_service_stays_with_its_version_where_the_next_can_not_be_opened(tracker: Tracker, model_path: str) -> None:
    _register(tracker, model_path)
    said: list[str] = []
    service = Service(parse(ServeConfig, {"model": "models:/faces@challenger"}), said.append)
    _register(tracker, "file:///nowhere")
    service.follow()
    assert _invoke(service, b'{"instances": [1]}')[1][b"model-version"] == b"faces/1"
    assert "Still serving faces/1" in said[0]


def test_a_service_goes_on_following_whatever_was_wrong_once(
    tracker: Tracker, model_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _register(tracker, model_path)
    said: list[str] = []
    service = Service(parse(ServeConfig, {"model": "models:/faces@challenger"}), said.append)

    def away(_self: Registry, _address: str) -> Version:
        raise RuntimeError("the store is away")

    with monkeypatch.context() as outage:
        outage.setattr(Registry, "of_address", away)
        service.follow()
    service.follow()
    assert said == ["Still serving faces/1: the store is away"]


def test_an_alias_that_no_version_has_is_told_with_the_versions_that_there_are(tracker: Tracker) -> None:
    tracker.client.create_registered_model("faces")
    for run in ("r1", "r2"):
        tracker.client.create_model_version("faces", "file:///nowhere", run)
    with pytest.raises(TrackingError, match=r"The versions of faces are 1, 2: give one of these, such as .*faces/2"):
        Service(parse(ServeConfig, {"model": "models:/faces@champion"}), print)
