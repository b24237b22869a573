from typing import Any

import pytest

from lds_mlflow.choices.distances import DISTANCES
from lds_mlflow.choices.presets import PRESETS, SEQUENCES
from lds_mlflow.choices.priors import PRIORS
from lds_mlflow.config import ClassifierConfig, FinetuneConfig, Settings, TrainConfig, choices_of, parse
from tests.unit.config.problems import problems, require_refused, require_taken


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (TrainConfig, "train_steps", 0),
        (TrainConfig, "train_steps", 1.5),
        (TrainConfig, "batch_size", "many"),
        (TrainConfig, "learning_rate", 0),
        (TrainConfig, "train_steps", "automatic"),
        (TrainConfig, "most_train_steps", -1),
        (TrainConfig, "rate_fall", 1),
        (TrainConfig, "ema_images", -1),
        (TrainConfig, "preset", "huge"),
        (TrainConfig, "data_run", ""),
        (TrainConfig, "prior", "keep"),
        (TrainConfig, "compiled", "sometimes"),
        (FinetuneConfig, "finetune_prior", "flow"),
        (FinetuneConfig, "finetune_variant", "encoder"),
        (FinetuneConfig, "train_run", "none"),
        (ClassifierConfig, "classifier_steps", 0),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (FinetuneConfig, "augment_run", "none"),
        (TrainConfig, "train_steps", "auto"),
        (TrainConfig, "batch_size", 16_384),
        (TrainConfig, "rate_fall", 0),
        (TrainConfig, "ema_images", 0),
        *((kind, "compiled", value) for kind in (TrainConfig, FinetuneConfig) for value in ("auto", "true", "false")),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


def test_presets_are_those_of_the_network_and_auto() -> None:
    assert tuple(choices_of(TrainConfig.model_fields["preset"])) == ("auto", *PRESETS, *SEQUENCES)


def test_finetuning_may_keep_the_prior() -> None:
    assert tuple(choices_of(FinetuneConfig.model_fields["finetune_prior"])) == ("keep", *PRIORS)


@pytest.mark.parametrize("kind", DISTANCES)
def test_a_file_of_weights_goes_with_the_distances_that_need_one(kind: str) -> None:
    needs = DISTANCES[kind].needs_file
    allowed, refused = (__file__, "") if needs else ("", __file__)
    assert parse(TrainConfig, {"perceptual": kind, "perceptual_weights": allowed}).perceptual == kind
    (problem,) = problems((TrainConfig,), {"perceptual": kind, "perceptual_weights": refused})
    assert problem.startswith("perceptual_weights=")
    assert f"should be {'a file' if needs else 'empty'} where perceptual is {kind}" in problem


def test_an_unknown_distance_is_not_blamed_on_its_weights() -> None:
    (problem,) = problems((TrainConfig,), {"perceptual": "ssim"})
    assert problem.startswith("perceptual=ssim: should be none, laplacian")
