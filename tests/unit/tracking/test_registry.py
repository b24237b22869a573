from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml

from lds_mlflow.samplers import standard_normal
from lds_mlflow.tracking import Run, Tracker, register_sampler
from lds_mlflow.vae import PRESETS, VAE

PRIOR = standard_normal(16)


@pytest.fixture
def run(tracker: Tracker) -> Run:
    return tracker.begin("finetune", parent=None, values={})


def test_a_registered_model_says_what_it_is_and_samples(run: Run, tracker: Tracker) -> None:
    weights = VAE.initialised(PRESETS["digits"], 0).to_weights()
    number = register_sampler(run, weights, PRIOR, "digits", description="made for a test")
    run.end("FINISHED")
    version = tracker.client.get_model_version_by_alias("digits", "challenger")
    assert (int(version.version), version.description, version.run_id) == (number, "made for a test", run.id)
    model = mlflow.pyfunc.load_model("models:/digits@challenger")
    assert model.metadata.get_input_schema().input_names() == ["seed"]
    assert list(model.predict(pd.DataFrame({"seed": [1, 2]})).columns) == ["seed", "image"]


def test_its_requirements_are_pinned_and_its_weights_are_safetensors(run: Run, tracker: Tracker) -> None:
    register_sampler(run, VAE.initialised(PRESETS["digits"], 0).to_weights(), PRIOR, "digits", description="")
    folder = mlflow.artifacts.download_artifacts("models:/digits@challenger")
    files = {file.name for file in _files(folder)}
    assert "tensors.safetensors" in files
    assert not any(name.endswith((".pkl", ".pt", ".pth")) for name in files)
    requirements = next(file for file in _files(folder) if file.name == "requirements.txt").read_text().split()
    assert all("==" in line for line in requirements)
    described = yaml.safe_load(next(file for file in _files(folder) if file.name == "MLmodel").read_text())
    assert described["flavors"]["python_function"]["loader_module"] == "lds_mlflow.serving"


def test_a_second_version_takes_the_alias(run: Run, tracker: Tracker) -> None:
    weights = VAE.initialised(PRESETS["digits"], 0).to_weights()
    numbers = [register_sampler(run, weights, PRIOR, "digits", description="") for _ in range(2)]
    assert numbers == [1, 2]
    assert int(tracker.client.get_model_version_by_alias("digits", "challenger").version) == 2


def _files(folder: str) -> list[Path]:
    return [file for file in Path(folder).rglob("*") if file.is_file()]
