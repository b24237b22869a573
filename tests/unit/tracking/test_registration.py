import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from mlflow.exceptions import MlflowException

from lds_mlflow.domains import domain_of
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.samplers import latent_density, standard_normal
from lds_mlflow.serving.requests import DISTRIBUTIONS, defaults_of
from lds_mlflow.serving.sampler import with_densities
from lds_mlflow.tracking import Run, Tracker, register_sampler, tags
from lds_mlflow.values import ExampleSet
from tests.tiny import random_images

Z_ND = torch.randn(30, 16, generator=torch.Generator().manual_seed(0))
NAMED = dict.fromkeys(DISTRIBUTIONS, standard_normal(16)) | {"density": with_densities(latent_density(Z_ND, sigma="1"))}

COLUMNS = ["seed", "image", "log_lds", "denser_than", "denser_than_samples", "reached"]


@pytest.fixture
def run(tracker: Tracker) -> Run:
    return tracker.begin("finetune", parent=None, values={})


def test_a_registered_model_says_what_it_is_and_samples(run: Run, tracker: Tracker) -> None:
    weights = VAE.initialised(spec_of("digits"), 0).to_weights()
    number = register_sampler(run, weights, NAMED, "digits", description="made for a test")
    run.end("FINISHED")
    version = tracker.client.get_model_version_by_alias("digits", "challenger")
    assert (int(version.version), version.description, version.run_id) == (number, "made for a test", run.id)
    model = mlflow.pyfunc.load_model("models:/digits@challenger")
    assert {one.name: one.default for one in model.metadata.get_params_schema().params} == defaults_of(
        domain_of("images")
    )
    assert list(model.predict(pd.DataFrame({"seed": [1, 2]})).columns) == COLUMNS
    for asked in ([0, 1], 2, pd.DataFrame({"n": [2]}), {"seed": [0, 1]}, np.array([0, 1])):
        assert model.predict(asked)["seed"].tolist() == [0, 1]


def test_a_model_is_logged_to_the_experiment_of_its_run(
    run: Run, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    weights = VAE.initialised(spec_of("digits"), 0).to_weights()
    register_sampler(run, weights, NAMED, "digits", description="made for a test")
    (model,) = tracker.client.search_logged_models([tracker.experiment_id])
    assert model.source_run_id == run.id
    assert "MLFLOW_EXPERIMENT_ID" not in os.environ


def test_a_model_keeps_examples_facts_and_files_that_it_is_given(run: Run) -> None:
    weights = VAE.initialised(spec_of("digits"), 0).to_weights()
    kept = ExampleSet("digits", random_images(3), ("0", "1", "2"))
    files = {"README.md": b"what it is", "pictures/real.png": b"png"}
    register_sampler(
        run, weights, NAMED, "digits", description="", examples=kept, facts={"data": "digits"}, files=files
    )
    model = mlflow.pyfunc.load_model("models:/digits@challenger")
    assert torch.equal(model.get_raw_model().examples.examples_N, kept.examples_N)
    assert model.metadata.metadata == {"data": "digits"}
    folder = Path(mlflow.artifacts.download_artifacts("models:/digits@challenger"))
    assert {name: (folder / name).read_bytes() for name in files} == files


def test_its_requirements_are_pinned_and_its_weights_are_safetensors(run: Run, tracker: Tracker) -> None:
    register_sampler(run, VAE.initialised(spec_of("digits"), 0).to_weights(), NAMED, "digits", description="")
    folder = mlflow.artifacts.download_artifacts("models:/digits@challenger")
    files = {file.name for file in _files(folder)}
    assert "tensors.safetensors" in files
    assert not any(name.endswith((".pkl", ".pt", ".pth")) for name in files)
    requirements = next(file for file in _files(folder) if file.name == "requirements.txt").read_text().split()
    assert all("==" in line for line in requirements)
    described = yaml.safe_load(next(file for file in _files(folder) if file.name == "MLmodel").read_text())
    assert described["flavors"]["python_function"]["loader_module"] == "lds_mlflow.tracking.pyfunc_model"


def test_a_request_that_can_not_be_answered_is_an_invalid_parameter_in_a_sentence(run: Run, tracker: Tracker) -> None:
    register_sampler(run, VAE.initialised(spec_of("digits"), 0).to_weights(), NAMED, "digits", description="")
    model = mlflow.pyfunc.load_model("models:/digits@challenger")
    with pytest.raises(MlflowException, match="column seed: found -1; expected one integer") as caught:
        model.predict(pd.DataFrame({"seed": [-1]}))
    assert caught.value.get_http_status_code() == 400


class StopError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize("moment", ["update_model_version", "finalize_logged_model"])
def test_the_same_step_completes_a_registration_that_was_killed(
    moment: str, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = VAE.initialised(spec_of("digits"), 0).to_weights()

    def stop(*args: Any, **named: Any) -> None:
        raise StopError

    for kills in (True, False):
        run = tracker.begin("register", parent=None, values={tags.FINGERPRINT: "abc"})
        with monkeypatch.context() as patched, pytest.raises(StopError) if kills else nullcontext():
            if kills:
                patched.setattr(mlflow.MlflowClient, moment, stop)
            register_sampler(run, weights, NAMED, "digits", description="whole")
        run.end("KILLED" if kills else "FINISHED")
    (version,) = tracker.client.search_model_versions("name = 'digits'")
    assert (version.description, version.run_id) == ("whole", run.id)
    (model,) = tracker.client.search_logged_models([tracker.experiment_id])
    assert (model.status, model.source_run_id) == ("READY", run.id)
    assert tracker.client.get_model_version_by_alias("digits", "challenger").version == version.version


def test_a_version_that_was_registered_whole_stays_though_its_run_was_killed_then(tracker: Tracker) -> None:
    killed, run = (tracker.begin("register", parent=None, values={tags.FINGERPRINT: "abc"}) for _ in range(2))
    tracker.client.create_registered_model("digits")
    tracker.client.create_model_version("digits", "file:///nowhere", killed.id, description="whole")
    killed.end("KILLED")
    register_sampler(run, VAE.initialised(spec_of("digits"), 0).to_weights(), NAMED, "digits", description="whole")
    assert len(tracker.client.search_model_versions("name = 'digits'")) == 2


def _files(folder: str) -> list[Path]:
    return [file for file in Path(folder).rglob("*") if file.is_file()]
