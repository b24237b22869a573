"""The registered model in processes that know nothing of the project."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import MakePipeline
from tests.places import ROOT
from tests.servers import PATIENCE_SECONDS, free_port, wait_until_it_answers

pytestmark = pytest.mark.end_to_end

CHROMIUM = shutil.which("chromium")
URI = "models:/digits@challenger"
LOAD_AND_SAMPLE = f"""
import pickle, sys
def refuse(*args, **kwargs): raise AssertionError("unpickled")
import mlflow, pandas
pickle.loads = pickle.load = refuse
model = mlflow.pyfunc.load_model("{URI}")
rows = model.predict(pandas.DataFrame({{"seed": [3, 5]}}), params={{"truncation": 0.5}})
assert list(rows["seed"]) == [3, 5]
print(rows["image"][1])
"""


def _environment() -> dict[str, str]:
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def _picture(encoded: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def _post(port: int, content: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("tracking_uri", ["trained_store"], indirect=True)
def test_the_registered_model_samples_in_a_clean_process_without_unpickling(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    make_pipeline("finetune").run("finetune")
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_SAMPLE],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _picture(done.stdout.strip().splitlines()[-1]).size == (8, 8)


@pytest.mark.parametrize("tracking_uri", ["trained_store", "server_store"], indirect=True)
def test_the_registered_model_is_served(make_pipeline: MakePipeline, tmp_path: Path) -> None:
    make_pipeline("finetune").run("finetune")
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", URI, "--env-manager", "local", "-p", str(port)]
    with subprocess.Popen([sys.executable, "-m", *command], cwd=tmp_path, env=_environment()) as server:
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/ping", lambda: server.poll() is None)
            status, answer = _post(port, {"dataframe_records": [{"seed": 0}, {"seed": 1}]})
            assert status == 200
            assert [_picture(row["image"]).size for row in answer["predictions"]] == [(8, 8), (8, 8)]
            status, sentence = _post(port, {"dataframe_records": [{"seed": -1}]})
            assert status == 400
            assert "one integer from 0 to 2^32 - 1" in sentence
            assert "stack_trace" not in sentence
        finally:
            server.terminate()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium isn't installed (Debian: apt install chromium)")
@pytest.mark.parametrize("tracking_uri", ["trained_store"], indirect=True)
def test_the_gallery_shows_samples_with_their_densities(make_pipeline: MakePipeline, tmp_path: Path) -> None:
    make_pipeline("finetune").run("finetune")
    port = free_port()
    command = [sys.executable, "-m", "lds_mlflow", "serve", f"--model={URI}", f"--port={port}"]
    with subprocess.Popen(command, cwd=tmp_path, env={**_environment(), "PYTHONPATH": str(ROOT)}) as server:
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/ping", lambda: server.poll() is None)
            page = _rendered(f"http://127.0.0.1:{port}/", tmp_path)
        finally:
            server.terminate()
    assert page.count('class="thumb"') == 24 + 8
    assert page.count("of the training images") >= 24
    assert '<h1 id="name">digits</h1>' in page
    assert "Trained on scikit-learn digits" in page


def _rendered(address: str, folder: Path) -> str:
    """Returns the document that a browser makes of a page, its scripts done."""
    assert CHROMIUM is not None
    quiet = ["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-sync"]
    flags = ["headless", "no-sandbox", *quiet, "disable-component-update", "virtual-time-budget=10000", "dump-dom"]
    command = [CHROMIUM, *(f"--{flag}" for flag in flags), f"--user-data-dir={folder / 'browser'}", address]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS).stdout
