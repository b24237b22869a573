"""Sound in a browser: the gallery of a model plays its samples, and a report plays what it has kept."""

import base64
import io
import json
import wave
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import torch

pytest.importorskip("librosa", reason="the extra audio is not installed")
pytest.importorskip("soundfile", reason="the extra audio is not installed")

from playwright.sync_api import Browser, Locator, expect

from lds_mlflow.config import ServeConfig
from lds_mlflow.data import Reading
from lds_mlflow.domains import domain_of
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.models.stylegan.presets import spec_of
from lds_mlflow.pictures.report import Report
from lds_mlflow.samplers import latent_density, standard_normal
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import with_densities
from lds_mlflow.tracking import Tracker, register_sampler
from lds_mlflow.tracking.server import Service
from tests.browsers import needs_chromium, running_browser
from tests.conftest import copied
from tests.servers import PATIENCE_SECONDS, served
from tests.sounds import folder_of_tones

SOUND = domain_of("sound")
pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    return SOUND.load(str(folder_of_tones(tmp_path_factory.mktemp("tones"), 8)), Reading()).examples_N


@pytest.fixture(scope="module")
def address(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a model of sound that was not trained is served."""
    z_ND = torch.randn(50, 32, generator=torch.Generator().manual_seed(0))
    named = dict.fromkeys(DISTRIBUTIONS, standard_normal(32)) | {
        "density": with_densities(latent_density(z_ND, sigma="0.5"))
    }
    weights = replace(VAE.initialised(spec_of("sound64"), 0).to_weights(), domain=SOUND.name)
    with pytest.MonkeyPatch.context() as monkeypatch:
        copied(empty_database, tmp_path_factory.mktemp("gallery"), monkeypatch)
        run = Tracker.connect().begin("register", parent=None, values={})
        register_sampler(run, weights, named, "voices", description="")
        with served(Service(ServeConfig(model="models:/voices/1"), print)) as found:
            yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


def _frames(wav: bytes) -> int:
    with wave.open(io.BytesIO(wav)) as file:
        return int(file.getnframes())


def _played(player: Locator) -> float:
    """Plays sound, and returns its time as soon as some of it was heard; 0 where nothing is heard for a minute."""
    seconds = player.evaluate(
        """async (one) => {
            await one.play();
            for (let waits = 0; one.currentTime <= 0.1 && waits < 600; waits++)
                await new Promise((go) => setTimeout(go, 100));
            return one.currentTime;
        }"""
    )
    return float(seconds)


def _posted(address: str, body: dict[str, Any]) -> tuple[int, bytes]:
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    ("params", "begins"), [({}, b"RIFF"), ({"format": "wav"}, b"RIFF"), ({"format": "png"}, b"\x89PNG")]
)
def test_a_served_model_answers_sound_and_pictures_where_they_are_asked_for(
    address: str, params: dict[str, str], begins: bytes
) -> None:
    status, content = _posted(f"{address}invocations", {"inputs": [3], "params": params})
    assert status == 200
    found = base64.b64decode(json.loads(content)["predictions"][0]["sound"])
    assert found.startswith(begins)
    assert begins != b"RIFF" or _frames(found) == 5040


def test_a_format_that_sound_does_not_have_is_refused(address: str) -> None:
    status, content = _posted(f"{address}invocations", {"inputs": [3], "params": {"format": "mp3"}})
    assert status == 400
    assert b"expected wav, png, array" in content


def test_what_people_download_is_a_wav_of_each_sample(address: str) -> None:
    _, content = _posted(f"{address}archive", {"dataframe_records": [{"seed": 1}, {"seed": 2}]})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["001-seed-1-sound.wav", "002-seed-2-sound.wav", "samples.csv"]
        assert _frames(archive.read("001-seed-1-sound.wav")) == 5040


@needs_chromium
def test_the_gallery_shows_pictures_and_plays_a_sample_and_the_nearest_training_clip(
    address: str, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(address)
    thumbs = page.locator("#images button")
    expect(thumbs).to_have_count(24, timeout=30_000)
    thumbs.first.click()
    for place in ("large-besides", "nearest-besides"):
        player = page.locator(f"#{place} audio")
        expect(player).to_have_count(1, timeout=30_000)
        assert _played(player) > 0.1
    expect(page.locator("#large figcaption").last).to_contain_text("Nearest training sound")
    page.close()


@needs_chromium
def test_a_report_plays_what_it_has_kept(browser: Browser, tmp_path: Path, tones: torch.Tensor) -> None:
    report = Report("What is heard")
    report.files(dict(SOUND.files(tones[:2])), "Tones")
    (tmp_path / "report.html").write_text(report.html())
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    players = page.locator("audio")
    expect(players).to_have_count(2)
    assert all(_played(players.nth(number)) > 0.1 for number in range(2))
    page.close()
