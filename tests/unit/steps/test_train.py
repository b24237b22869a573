from pathlib import Path

import pytest

from lds_mlflow.config import TrainConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.recipes.fit_requests import FitRequest
from lds_mlflow.recipes.tracked_fit import FittedModel
from lds_mlflow.steps import train
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, surroundings


def test_a_new_model_is_fitted_on_the_training_part_and_measured_on_select_too(
    digits: GivenRun, parts: dict[str, ExampleSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FitRequest] = []

    def noting(request: FitRequest, context: Context, **given: object) -> FittedModel:
        asked.append(request)
        assert given == {"train": parts["train"], "select": parts["select"], "description": "training"}
        return FittedModel(WEIGHTS, "what came out")

    monkeypatch.setattr(train, "fit_and_track", noting)
    context, _ = surroundings({"data": digits})
    assert train.run(TrainConfig(train_steps=11, train_seed=3), context) == "what came out"
    (request,) = asked
    plan = request.task.plan
    assert (plan.steps, plan.seed, plan.checkpoint_every) == (11, 3, context.checkpoint_every)
    assert request.task.examples_N is parts["train"].examples_N


def test_a_network_for_other_images_is_refused_before_anything_is_fitted(digits: GivenRun) -> None:
    context, own = surroundings({"data": digits})
    with pytest.raises(ConfigError, match="preset faces64"):
        train.run(TrainConfig(preset="faces64"), context)
    assert own.values == {}


def test_the_weights_of_the_loss_count_as_read_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"weights")
    config = TrainConfig(perceptual="squeezenet", perceptual_weights=str(path))
    assert train.outside(config) != train.outside(TrainConfig()) == ""
