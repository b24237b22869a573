"""The registered model in processes that know nothing of the project."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MakePipeline
from tests.end_to_end.sampling import CHALLENGER, picture_of_a_clean_process, plain_environment, require_served
from tests.places import ROOT
from tests.servers import PATIENCE_SECONDS, free_port, wait_until_it_answers

pytestmark = pytest.mark.end_to_end

CHROMIUM = shutil.which("chromium")


@pytest.mark.parametrize("tracking_uri", ["trained_store"], indirect=True)
def test_the_registered_model_samples_in_a_clean_process_without_unpickling(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    make_pipeline("finetune").run("finetune")
    assert picture_of_a_clean_process(tmp_path).size == (8, 8)


@pytest.mark.parametrize("tracking_uri", ["trained_store"], indirect=True)
def test_the_registered_model_is_served(make_pipeline: MakePipeline, tmp_path: Path) -> None:
    make_pipeline("finetune").run("finetune")
    require_served(tmp_path)


@pytest.mark.skipif(CHROMIUM is None, reason="chromium isn't installed (Debian: apt install chromium)")
@pytest.mark.parametrize("tracking_uri", ["trained_store"], indirect=True)
def test_the_gallery_shows_samples_with_their_densities(make_pipeline: MakePipeline, tmp_path: Path) -> None:
    make_pipeline("finetune").run("finetune")
    port = free_port()
    command = [sys.executable, "-m", "lds_mlflow", "serve", f"--model={CHALLENGER}", f"--port={port}"]
    with subprocess.Popen(command, cwd=tmp_path, env={**plain_environment(), "PYTHONPATH": str(ROOT)}) as server:
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
