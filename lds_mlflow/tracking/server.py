"""The command `serve`: MLflow's scoring server of a registered model, with a gallery page, behind a guard.

The guard refuses requests that MLflow's server would read into memory whatever their size, or answer with a status of
500: large bodies, bodies without a content type, and JSON that is nested too deeply for a parser.
"""

import json
import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import mlflow
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from lds_mlflow.config import ServeConfig
from lds_mlflow.errors import TrackingError

__all__ = ["Guard", "serve", "service_of"]

MOST_BYTES = 2**20
"""Largest body of a request: a hundred times the size of 256 indented rows."""

_SWITCH_SECONDS = 1e-4
"""How long Python may go on with one request's JSON while another's decoding waits for it between two operations."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Guard:
    """Passes safe requests on to an application; other requests are answered with a status of 4xx and a sentence.

    Args:
        app: The application.
        most_bytes: Largest size of a request's body in bytes.
    """

    def __init__(self, app: App, most_bytes: int = MOST_BYTES) -> None:
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        body, is_whole = await self._read(receive)
        status, problem = self._problem_of(dict(scope["headers"]).get(b"content-type", b""), body, is_whole)
        if problem:
            await JSONResponse({"message": problem}, status)(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> tuple[bytes, bool]:
        body, more = bytearray(), True
        while more and len(body) <= self.most_bytes:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return bytes(body), not more and len(body) <= self.most_bytes

    def _problem_of(self, content_type: bytes, body: bytes, is_whole: bool) -> tuple[int, str]:
        if not is_whole:
            return 413, f"The body has more than {self.most_bytes:,} bytes. Ask for fewer samples at once."
        if not content_type:
            return 415, "There is no content type. Send Content-Type: application/json."
        if content_type.startswith(b"application/json"):
            try:
                json.loads(body)
            except RecursionError:
                return 400, "The JSON is nested too deeply. Send rows, each with a seed."
            except ValueError:
                # MLflow says what is wrong with it.
                return 0, ""
        return 0, ""


def service_of(model_uri: str) -> FastAPI:
    """Returns the application that serves a registered model.

    Raises:
        TrackingError: There is no such model, or it can't be loaded.
    """
    try:
        model = mlflow.pyfunc.load_model(model_uri)
        app: FastAPI = scoring_server.init(model)
    except (MlflowException, OSError) as error:
        raise TrackingError.because(
            error,
            f"model {model_uri}",
            expected="a registered model, such as models:/lds-vae@champion",
            remedy="Register a model with the command finetune, or set MLFLOW_TRACKING_URI to the store that has it.",
        ) from error
    page = model.get_raw_model().domain.page
    if page is not None:
        text: str = page.read_text(encoding="utf-8")

        @app.get("/", response_class=HTMLResponse)
        def gallery() -> str:
            return text

    app.add_middleware(Guard)
    return app


def serve(config: ServeConfig, say: Callable[[str], None]) -> None:
    """Serves a registered model until it is told to stop.

    Args:
        config: The configuration.
        say: Prints a line.

    Raises:
        TrackingError: See `service_of`.
    """
    app = service_of(config.model)
    sys.setswitchinterval(_SWITCH_SECONDS)
    say(f"Gallery: http://{config.host}:{config.port}/   Samples: POST http://{config.host}:{config.port}/invocations")
    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)
    uvicorn.run(app, host=config.host, port=config.port, log_level="warning", timeout_graceful_shutdown=10)
