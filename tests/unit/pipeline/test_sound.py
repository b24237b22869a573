"""Sound goes through the steps as images do: read, trained on, evaluated, and kept to be heard."""

from pathlib import Path

import pytest

pytest.importorskip("librosa", reason="the extra audio is not installed")
pytest.importorskip("soundfile", reason="the extra audio is not installed")

from lds_mlflow.domains import DOMAINS
from lds_mlflow.errors import ConfigError
from lds_mlflow.tracking import FinishedRun, Tracker
from lds_mlflow.values import Evaluation, ExampleSet, ModelWeights
from tests.conftest import MakePipeline
from tests.sounds import folder_of_tones


def _artifacts(tracker: Tracker, run: FinishedRun, folder: str) -> list[str]:
    return sorted(Path(entry.path).name for entry in tracker.client.list_artifacts(run.id, folder))


def test_clips_become_pictures_a_model_and_figures_and_are_heard_on_the_way(
    make_pipeline: MakePipeline, tracker: Tracker, tmp_path: Path
) -> None:
    settings = {"data": str(folder_of_tones(tmp_path / "tones", 40)), "k_neighbours": 2, "samples": 6, "train_steps": 2}
    run = make_pipeline("evaluate", **settings).run("evaluate")
    data, model = (tracker.open(run.inputs[name]) for name in ("data", "model"))
    assert data.domain == "sound"
    assert "40 clips of sound, 2 classes (high, low)" in data.sentence
    assert data.load(ExampleSet, "train").examples_N.shape[1:] == (1, 64, 64)
    weights = model.load(ModelWeights, "model")
    assert (weights.domain, weights.spec["latent_dim"]) == ("sound", 32)
    assert _artifacts(tracker, data, "pictures/real")[:2] == ["00.wav", "01.wav"]
    assert _artifacts(tracker, model, "pictures/real_above_reconstructed") == ["real", "reconstructed"]
    assert _artifacts(tracker, run, "pictures/samples") == [f"0{i}.wav" for i in range(6)]
    figures = run.load(Evaluation, "evaluation_test")
    assert "sharpness" not in figures.metrics
    report = Path(tracker.client.download_artifacts(run.id, "report.html")).read_text()
    assert "<audio" in report
    assert ("fad" in figures.metrics) != ("uv pip install --python" in report)


def test_a_missing_package_is_named_before_anything_is_read(
    make_pipeline: MakePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(DOMAINS["sound"]), "packages", {"no_such_module": "its-package"})
    pipeline = make_pipeline("data", data=str(folder_of_tones(tmp_path / "tones", 4)))
    with pytest.raises(ConfigError, match=r"Run: uv pip install --python .* its-package"):
        pipeline.run("data")
