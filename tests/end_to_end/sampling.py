"""The registered model in processes that know nothing of the project."""

import base64
import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

from tests.servers import free_port, wait_until_it_answers

__all__ = ["CHALLENGER", "picture_of_a_clean_process", "plain_environment", "require_served"]

CHALLENGER = "models:/digits@challenger"
_LOAD_AND_SAMPLE = f"""
import pickle, sys
def refuse(*args, **kwargs): raise AssertionError("unpickled")
import mlflow, pandas
pickle.loads = pickle.load = refuse
model = mlflow.pyfunc.load_model("{CHALLENGER}")
rows = model.predict(pandas.DataFrame({{"seed": [3, 5]}}), params={{"truncation": 0.5}})
assert list(rows["seed"]) == [3, 5]
print(rows["image"][1])
"""


def plain_environment() -> dict[str, str]:
    """Returns the environment of such a process."""
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def picture_of_a_clean_process(folder: Path) -> Image.Image:
    """Samples the challenger without unpickling anything, and returns a picture that it has made."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD_AND_SAMPLE],
        cwd=folder,
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return _picture(done.stdout.strip().splitlines()[-1])


def require_served(folder: Path) -> None:
    """Serves the challenger by MLflow's own command, and requires right answers to a right and a wrong request."""
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", CHALLENGER, "--env-manager", "local", "-p", str(port)]
    with subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=plain_environment()) as server:
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
