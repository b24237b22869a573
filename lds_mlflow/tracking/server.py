"""The command `serve`: MLflow's scoring server of a registered model, with a gallery page, behind a guard."""

import logging
import re
import sys
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

import pandas as pd
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server
from pydantic import BaseModel

from lds_mlflow.config import ServeConfig
from lds_mlflow.errors import TrackingError, first_line
from lds_mlflow.serving.gallery import archive_of, page_of
from lds_mlflow.serving.sampler import Sampler
from lds_mlflow.tracking.address import show_bars_of_downloads_only
from lds_mlflow.tracking.connections import BoundedConnection
from lds_mlflow.tracking.guard import App, Guard, Message, Receive, Send
from lds_mlflow.tracking.opened import OpenedModel, open_registered
from lds_mlflow.tracking.registry import MODELS_ADDRESS, Registry

__all__ = ["Service", "serve", "service_of"]

_SWITCH_SECONDS = 1e-4
"""How long Python may go on with one request's JSON while another's decoding waits for it between two operations."""

_MOST_CONNECTIONS = 100
_LOOK_SECONDS = 15.0


class _ArchiveRequest(BaseModel):
    dataframe_records: list[dict[str, Any]]
    params: dict[str, Any] = {}


class Service:
    """The application that serves a model; with an alias, it can go on to the version that has the alias later.

    Each request is answered by one version from its beginning to its end.

    Args:
        config: The model, and how it is served.
        say: Prints a line.

    Raises:
        TrackingError: See `service_of`.
    """

    def __init__(self, config: ServeConfig, say: Callable[[str], None]) -> None:
        address = Registry(MlflowClient()).address_of(config.model)
        self.config, self.say = config.model_copy(update={"model": address}), say
        opened = _opened(address)
        self.version, self._app = opened.version, service_of(opened, config)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await self._app(scope, receive, send)

    def follow(self) -> None:
        """Serves the version that the alias names now, if it is another one."""
        try:
            named = Registry(MlflowClient()).of_address(self.config.model)
            if f"{named.name}/{named.number}" == self.version:
                return
            opened = _opened(f"{MODELS_ADDRESS}{named.name}/{named.number}")
            app = service_of(opened, self.config)
        except Exception as error:
            # Whatever is wrong with the registry, the store or the version, the next look may find it mended.
            self.say(f"Still serving {self.version}: {first_line(error)}")
            return
        self.version, self._app = opened.version, app
        self.say(f"Serving {self.version} from now on.")


def service_of(opened: OpenedModel, config: ServeConfig) -> App:
    """Returns the application that serves one version.

    Args:
        opened: The model.
        config: How it is served.
    """
    app: FastAPI = scoring_server.init(opened.model)
    _add_gallery(app, opened.model, opened.facts)
    if not config.api_docs:
        pages = {app.openapi_url, app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url}
        app.router.routes = [route for route in app.routes if getattr(route, "path", "") not in pages]
    params = opened.model.metadata.get_params_schema()
    hosts = [host.strip() for host in config.allowed_hosts.split(",") if host.strip()]
    return Guard(
        app,
        [one.name for one in params.params] if params else (),
        config.accept,
        hosts=[config.host, *hosts],
        version=opened.version,
    )


def _opened(uri: str) -> OpenedModel:
    try:
        return open_registered(uri)
    except (MlflowException, OSError) as error:
        raise TrackingError.because(
            error,
            f"model {uri}",
            expected="a registered model, such as models:/NAME@champion",
            remedy=_remedy(uri),
        ) from error


def _remedy(model_uri: str) -> str:
    name = re.split("[@/]", model_uri.removeprefix(MODELS_ADDRESS))[0]
    numbers = Registry(MlflowClient()).numbers(name) if model_uri.startswith(MODELS_ADDRESS) and name else []
    if numbers:
        return (
            f"The versions of {name} are {', '.join(numbers)}: give one of these, such as models:/{name}/{numbers[-1]}."
        )
    return "Register a model with the command finetune, or set MLFLOW_TRACKING_URI to the store that has it."


def _add_gallery(app: FastAPI, model: PyFuncModel, facts: Mapping[str, str]) -> None:
    sampler: Sampler = model.get_raw_model()
    text, gallery = page_of(sampler, facts), sampler.domain.gallery
    if text is None or gallery is None:
        return

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return text

    @app.exception_handler(RequestValidationError)
    def refuse(_request: Request, _error: RequestValidationError) -> Response:
        # FastAPI's own answer repeats the body, of which not everything can be said in JSON.
        return JSONResponse({"message": "The body is not {dataframe_records: rows, params: {name: value}}."}, 422)

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
        TrackingError: See `Service`.
    """
    show_bars_of_downloads_only()
    service = Service(config, say)
    sys.setswitchinterval(_SWITCH_SECONDS)
    say(f"Gallery: http://{config.host}:{config.port}/   Samples: POST http://{config.host}:{config.port}/invocations")
    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)
    stopped = Event()
    if config.follow_alias:
        Thread(target=_follow, args=(service, stopped), daemon=True).start()
    uvicorn.run(
        service,
        host=config.host,
        port=config.port,
        log_level="warning",
        http=BoundedConnection,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=10,
    )
    stopped.set()


def _follow(service: Service, stopped: Event) -> None:
    while not stopped.wait(_LOOK_SECONDS):
        service.follow()
