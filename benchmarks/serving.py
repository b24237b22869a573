"""What serving costs beside bare decoding, and whether a server stands what it is sent.

    python -m benchmarks.serving
    python -m benchmarks.serving --quick    # a minute, without MLflow's own server: not the ratios to quote

Real HTTP to the command `serve`, load by Locust: sixteen users who ask for 32 images each, against the decoder alone in
this process, by turns; single images one after another, likewise; two minutes of mixed requests, while the server's
memory is watched; and ten thousand generated requests, half of them malformed, by Hypothesis, to the command `serve`
and to MLflow's own server. The decoder is that of the preset for 64 pixels, with random weights; generated requests go
to the smallest. The last line is one JSON object.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click
import pandas as pd
import psutil
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.samplers import latent_density, standard_normal
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import with_densities
from lds_mlflow.tracking import Tracker, register_sampler

__all__ = ["main"]

_ROOT = Path(__file__).parents[1]
_MLFLOW = "MLflow's own server"
_USERS, _IMAGES = 16, 32
_LARGE, _SMALL = "faces64", "digits"

_LOCUSTFILE = """
import os, random
from locust import FastHttpUser, constant, task

IMAGES = int(os.environ["IMAGES"])

class User(FastHttpUser):
    wait_time = constant(0)

    @task
    def draw(self):
        n = IMAGES or random.choice([1, 1, 1, 2, 4, 8, 32])
        rows = [{"seed": random.randrange(2**32)} for _ in range(n)]
        params = {} if IMAGES else {
            "truncation": random.choice([0.5, 1.0]), "format": random.choice(["png", "array"]),
            "sampler": random.choice(["chosen", "prior", "density"]), "min_density": random.choice([0.0, 0.2]),
        }
        self.client.post("/invocations", json={"dataframe_records": rows, "params": params})
"""


@click.command()
@click.option("--quick", is_flag=True, help="Short loads, few requests.")
def main(quick: bool) -> None:
    """Measures the served model."""
    rounds, seconds, mixed_seconds, generated = (1, 6, 6, 200) if quick else (7, 10, 120, 10_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
        os.chdir(folder)
        models = {preset: _register(preset) for preset in (_LARGE, _SMALL)}
        (folder / "locustfile.py").write_text(_LOCUSTFILE)
        with _serving(_LARGE) as (port, server):
            one = [_single_image(port, models[_LARGE], seed) for seed in range(5 + 20 * rounds)][5:]
            many = [_many_images(port, models[_LARGE], seconds) for _ in range(rounds)]
            before, after = _watched(port, server, mixed_seconds)
        answers = {}
        for server in ("serve",) if quick else ("serve", _MLFLOW):
            with _serving(_SMALL, by_mlflow=server == _MLFLOW) as (port, _):
                answers[server] = _generated(port, generated)
    for server, statuses in answers.items():
        click.echo(f"generated requests to {server} by status: {dict(sorted(statuses.items()))}")
    found = {
        "share_of_bare_decode": round(median(served / bare for served, bare in many), 4),
        "single_image_overhead_ms": round(1000 * median(served - bare for served, bare in one), 2),
        "server_errors": _errors(answers["serve"]),
        "mlflow_server_errors": _errors(answers[_MLFLOW]) if _MLFLOW in answers else None,
        "generated_requests": generated,
        "images_per_second": round(median(served for served, _ in many), 2),
        "bare_images_per_second": round(median(bare for _, bare in many), 2),
        "rounds": rounds,
        "memory_growth_mib": round((after - before) / 2**20, 1),
        "mixed_seconds": mixed_seconds,
    }
    click.echo(json.dumps(found))


def _register(preset: str) -> VAE:
    spec = spec_of(preset)
    model = VAE.initialised(spec, 0).eval()
    z_ND = torch.randn(2000, spec.latent_dim, generator=torch.Generator().manual_seed(0))
    named = dict.fromkeys(DISTRIBUTIONS, standard_normal(spec.latent_dim))
    named["density"] = with_densities(latent_density(z_ND, sigma="norm/5"))
    run = Tracker.connect().begin(preset, parent=None, values={})
    register_sampler(run, model.to_weights(), named, preset, description="")
    run.end("FINISHED")
    return model


def _seconds(model: VAE, z_SD: torch.Tensor) -> float:
    started = time.perf_counter()
    Codec(model).decode(z_SD)
    return time.perf_counter() - started


@contextmanager
def _serving(preset: str, *, by_mlflow: bool = False) -> Iterator[tuple[int, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    uri, environment = f"models:/{preset}/1", {**os.environ, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "lds_mlflow", "serve", f"--model={uri}", f"--port={port}"]
    if by_mlflow:
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "models",
            "serve",
            "-m",
            uri,
            "--env-manager",
            "local",
            "-p",
            str(port),
        ]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while _ask(port, b"", None, "GET", "/ping") != 200:
                assert process.poll() is None, "the server ended"
                time.sleep(0.3)
            yield port, psutil.Process(process.pid)
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.terminate()
            process.terminate()


def _ask(
    port: int,
    body: bytes,
    content_type: str | None = "application/json",
    method: str = "POST",
    path: str = "/invocations",
) -> int:
    """Returns the status of an answer, or 0 where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {} if content_type is None else {"Content-Type": content_type})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _single_image(port: int, model: VAE, seed: int) -> tuple[float, float]:
    """Returns the seconds of a request for one image, and of the decoder alone."""
    started = time.perf_counter()
    assert _ask(port, json.dumps({"dataframe_records": [{"seed": seed}]}).encode()) == 200
    return time.perf_counter() - started, _seconds(model, torch.randn(1, model.spec.latent_dim))


def _many_images(port: int, model: VAE, seconds: int) -> tuple[float, float]:
    """Returns the images a second that sixteen users get, and what the decoder alone gives, 32 at a time."""
    z_SD = torch.randn(_IMAGES, model.spec.latent_dim)
    before = [_seconds(model, z_SD) for _ in range(7)]
    served = _IMAGES * _load(port, seconds, images=_IMAGES)
    # It is answered after what the users no longer wait for.
    _ask(port, json.dumps({"dataframe_records": [{"seed": 0}]}).encode())
    return served, _IMAGES / median([*before, *(_seconds(model, z_SD) for _ in range(7))])


def _load(port: int, seconds: int, *, images: int) -> float:
    """Returns the requests a second that Locust gets answered; images=0 is a mixture."""
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "-u", str(_USERS), "-r", str(_USERS)]
    command += ["-t", f"{seconds}s", "--host", f"http://127.0.0.1:{port}", "--csv", "load", "-f", "locustfile.py"]
    environment = {**os.environ, "IMAGES": str(images)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    total = pd.read_csv("load_stats.csv").iloc[-1]
    assert total["Failure Count"] == 0
    click.echo(
        f"{_USERS} users, {images or 'mixed numbers of'} images each: {total['Requests/s']:.2f} requests a second"
    )
    return float(total["Requests/s"])


def _watched(port: int, server: psutil.Process, seconds: int) -> tuple[float, float]:
    """Returns the server's memory in bytes after a first load of mixed requests, and after another of that length."""
    found = []
    for _ in range(2):
        _load(port, seconds // 2, images=0)
        found.append(float(server.memory_info().rss))
    return found[0], found[1]


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_keys = st.sampled_from(["dataframe_records", "dataframe_split", "instances", "inputs", "params", "messages", "prompt"])
_rows = st.lists(st.fixed_dictionaries({"seed": st.integers(0, 2**32 - 1)}), min_size=1, max_size=3)
_params = st.fixed_dictionaries(
    {},
    optional={
        "truncation": st.floats(0.01, 2),
        "sampler": st.sampled_from(DISTRIBUTIONS),
        "format": st.sampled_from(["png", "array"]),
        "min_density": st.floats(0, 0.9),
    },
)
_types = st.sampled_from(["application/json", "text/csv", "application/x-parquet", "image/png", "", None])
_well_formed = st.fixed_dictionaries({"dataframe_records": _rows, "params": _params})
_wrong_rows = st.lists(st.dictionaries(st.sampled_from(["seed", "sed"]), _json, max_size=2), max_size=3)
_malformed = st.one_of(
    st.tuples(st.dictionaries(_keys, _json, max_size=3).map(_encoded), _types),
    st.tuples(_json.map(_encoded), _types),
    st.tuples(st.binary(max_size=200), _types),
    st.tuples(st.fixed_dictionaries({"dataframe_records": _wrong_rows}).map(_encoded), _types),
    st.tuples(st.fixed_dictionaries({"dataframe_records": _rows, "params": _json}).map(_encoded), _types),
    st.tuples(st.integers(1, 50_000).map(lambda depth: b"[" * depth), _types),
)


def _generated(port: int, n: int) -> Counter[int]:
    """Sends generated requests, every other one malformed; returns how often each status came, 0 for no answer."""
    found: Counter[int] = Counter()
    calm = settings(
        max_examples=n // 2,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @calm
    @given(well_formed=_well_formed, malformed=_malformed)
    def send(well_formed: Mapping[str, Any], malformed: Sequence[Any]) -> None:
        body, content_type = malformed
        found[_ask(port, _encoded(well_formed))] += 1
        found[_ask(port, body, content_type)] += 1

    send()
    return found


def _errors(statuses: Mapping[int, int]) -> int:
    return sum(n for status, n in statuses.items() if status == 0 or status >= 500)


if __name__ == "__main__":
    main()
