"""The command `serve`: MLflow's scoring server of a registered model, with a gallery page, behind a guard.

The guard refuses requests that MLflow's server would read into memory whatever their size, or answer with a status of
500: large bodies, bodies that are not JSON (a small one in Parquet may unpack to gigabytes), JSON that is nested too
deeply for a parser, and integers of more digits than Python reads.
"""

import io
import json
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any

import mlflow
import pandas as pd
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server
from pydantic import BaseModel

from lds_mlflow.config import ServeConfig
from lds_mlflow.errors import TrackingError
from lds_mlflow.serving.gallery import archive_of, page_of
from lds_mlflow.serving.sampler import Sampler
from lds_mlflow.tracking.registry import CHAMPION, MODELS_ADDRESS, Registry

__all__ = ["IGNORED", "Guard", "serve", "service_of"]

MOST_BYTES = 2**20
"""Largest body of a request: a hundred times the size of 256 indented rows."""

IGNORED = "Ignored-Params"
"""The header of an answer that names the params of its request which the model doesn't have, as a list in JSON."""

_SWITCH_SECONDS = 1e-4
"""How long Python may go on with one request's JSON while another's decoding waits for it between two operations."""

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
        accept: "json" passes JSON only; "any" passes bodies of every kind.
        most_bytes: Largest size of a request's body in bytes.
    """

    def __init__(
        self, app: App, params: Collection[str] = (), accept: str = "json", most_bytes: int = MOST_BYTES
    ) -> None:
        self.app, self.params, self.accept, self.most_bytes = app, params, accept, most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        # Of several content types, this is the one that MLflow reads too.
        kind = Request(scope).headers.get("content-type", "").split(";")[0].strip()
        try:
            body, ignored = self._checked(kind, await self._read(receive))
        except RefusedError as refused:
            status, sentence = refused.args
            await JSONResponse({"message": sentence}, status)(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        async def send_naming_ignored(message: Message) -> None:
            if ignored and message["type"] == "http.response.start":
                header = (IGNORED.lower().encode(), json.dumps(ignored).encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await self.app(_as_json(scope) if kind == _CSV else scope, replay, send_naming_ignored)

    async def _read(self, receive: Receive) -> bytes:
        body, more = bytearray(), True
        while more and len(body) <= self.most_bytes:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if more or len(body) > self.most_bytes:
            raise RefusedError(413, f"The body has more than {self.most_bytes:,} bytes. Ask for fewer samples at once.")
        return bytes(body)

    def _checked(self, kind: str, body: bytes) -> tuple[bytes, list[str]]:
        """Returns the body to pass on, and the params that the model doesn't have."""
        if not kind:
            raise RefusedError(415, f"There is no content type. Send Content-Type: {_JSON}.")
        if kind == _JSON:
            return body, self._unknown_params(_parsed(body))
        if self.accept == "json":
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


class _ArchiveRequest(BaseModel):
    dataframe_records: list[dict[str, Any]]
    params: dict[str, Any] = {}


def service_of(model_uri: str, accept: str = "json") -> FastAPI:
    """Returns the application that serves a registered model.

    Args:
        model_uri: The address of the model.
        accept: Which bodies of requests it takes; see `Guard`.

    Raises:
        TrackingError: There is no such model, or it can't be loaded.
    """
    try:
        facts = _facts_of(model_uri)
        if "version" in facts:
            # An alias may be given to another version before the model is loaded.
            model_uri = f"{MODELS_ADDRESS}{facts['name']}/{facts['version']}"
        model = mlflow.pyfunc.load_model(model_uri)
        app: FastAPI = scoring_server.init(model)
    except (MlflowException, OSError) as error:
        raise TrackingError.because(
            error,
            f"model {model_uri}",
            expected="a registered model, such as models:/lds-vae@champion",
            remedy=_remedy(model_uri),
        ) from error
    _add_gallery(app, model, {**facts, **(model.metadata.metadata or {})})
    params = model.metadata.get_params_schema()
    app.add_middleware(Guard, params=[one.name for one in params.params] if params else (), accept=accept)
    return app


def _remedy(model_uri: str) -> str:
    name = re.split("[@/]", model_uri.removeprefix(MODELS_ADDRESS))[0]
    numbers = Registry(MlflowClient()).numbers(name) if model_uri.startswith(MODELS_ADDRESS) and name else []
    if numbers:
        return (
            f"The versions of {name} are {', '.join(numbers)}: give one of these, such as models:/{name}/{numbers[-1]}."
        )
    return "Register a model with the command finetune, or set MLFLOW_TRACKING_URI to the store that has it."


def _facts_of(model_uri: str) -> dict[str, str]:
    """Returns the name of a model; of a version in the registry also its number, and that of the champion, or ""."""
    if not model_uri.startswith(MODELS_ADDRESS):
        return {"name": model_uri}
    registry = Registry(MlflowClient())
    try:
        version = registry.of_address(model_uri)
    except TrackingError:
        # A model that was logged has an address of this form too.
        return {"name": model_uri}
    champion = registry.find(version.name, CHAMPION)
    return {"name": version.name, "version": version.number, "champion": champion.number if champion else ""}


def _add_gallery(app: FastAPI, model: PyFuncModel, facts: Mapping[str, str]) -> None:
    sampler: Sampler = model.get_raw_model()
    text, gallery = page_of(sampler, facts), sampler.domain.gallery
    if text is None or gallery is None:
        return

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return text

    @app.post("/archive")
    def archive(request: _ArchiveRequest) -> Response:
        params = {**request.params, "format": gallery.archived}
        try:
            answer: Any = model.predict(pd.DataFrame(request.dataframe_records), params)
        except MlflowException as error:
            return JSONResponse({"message": error.message}, error.get_http_status_code())
        return Response(archive_of(answer, sampler.domain), media_type="application/zip")

    app.mount("/gallery", StaticFiles(directory=gallery.page.with_suffix("")))


def serve(config: ServeConfig, say: Callable[[str], None]) -> None:
    """Serves a registered model until it is told to stop.

    Args:
        config: The configuration.
        say: Prints a line.

    Raises:
        TrackingError: See `service_of`.
    """
    app = service_of(config.model, config.accept)
    sys.setswitchinterval(_SWITCH_SECONDS)
    say(f"Gallery: http://{config.host}:{config.port}/   Samples: POST http://{config.host}:{config.port}/invocations")
    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)
    uvicorn.run(app, host=config.host, port=config.port, log_level="warning", timeout_graceful_shutdown=10)
