from pathlib import Path
from typing import Any

import pytest

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.config import AugmentConfig
from lds_mlflow.errors import DataError, SelectionError
from lds_mlflow.recipes.models import codec_of
from lds_mlflow.steps.augment import run
from lds_mlflow.values import ExampleSet, LatentSet
from tests.own import maps_weights
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, KeptRun, surroundings

COMMON = ["variance_ratio", "score_from_own_parents", "effective_neighbours"]


@pytest.fixture(scope="module")
def inputs(digits: GivenRun, parts: dict[str, ExampleSet]) -> dict[str, GivenRun]:
    """Digits, a model, and their latents by it."""
    mean, log_variance = codec_of(WEIGHTS, parts["train"], "cpu").encode(parts["train"].examples_N)
    latents = LatentSet(mean, log_variance, parts["train"].ids_N)
    return {
        "data": digits,
        "train": GivenRun("train", {"model": WEIGHTS}),
        "encode": GivenRun("encode", {"latents": latents}),
    }


def _augmented(inputs: dict[str, GivenRun], **settings: Any) -> tuple[str, KeptRun]:
    context, own = surroundings(inputs)
    return run(AugmentConfig(**settings), context), own


@pytest.fixture(scope="module")
def augmented(inputs: dict[str, GivenRun]) -> tuple[str, KeptRun]:
    """The sentence and the run of an augmentation by default."""
    return _augmented(inputs)


def test_the_provenance_of_every_kept_sample_is_in_a_table(
    augmented: tuple[str, KeptRun], parts: dict[str, ExampleSet]
) -> None:
    _, own = augmented
    table, n = own.tables["augmentation.csv"], 36
    assert list(table.columns) == ["rank", "i", "j", "example_i", "example_j", "alpha", "log_lds"]
    assert len(table) == own.metrics["images_of_A"] == len(own.values["augmentation"].examples_A) == n
    assert table["rank"].tolist() == list(range(1, n + 1))
    assert table["log_lds"].is_monotonic_decreasing
    assert table["example_i"].tolist() == [parts["train"].ids_N[row] for row in table["i"]]


def test_the_sentence_tells_the_funnel_the_bandwidth_and_what_lies_close_to_a_parent(
    augmented: tuple[str, KeptRun],
) -> None:
    sentence, own = augmented
    share, sigma = (own.figures[name] for name in ("share_next_to_a_parent", "sigma"))
    head = sentence.splitlines()[0]
    assert " candidates -> " in head
    assert "36 kept as A (" in head
    assert f"; sigma {sigma:.3g}, " in head
    assert head.endswith(f"; {share:.0%} of A have alpha 0.1 or 0.9, close to a parent")
    assert all(line.startswith("Note: ") for line in sentence.splitlines()[1:])
    assert own.figures["log_lds/q01"] <= own.figures["log_lds/q50"] <= own.figures["log_lds/max"]


@pytest.mark.parametrize(
    ("settings", "figures", "pictures"),
    [
        ({"candidates": "exhaustive"}, ["census/interpolants"], ["census.png"]),
        ({"scorer": "subsample", "interpolation": "slerp"}, ["certificate/top_overlap"], []),
        (
            {"selection": "conformal", "mass": 0.5, "leave_endpoints_out": True, "sigma_multiplier": 3},
            ["selection/log_tau", "funnel/passing"],
            [],
        ),
        (
            {"sharpest_fraction": 0.5, "stratify": "class", "max_per_parent": 3, "latent_space": "whitened"},
            ["funnel/sharp", "class_share_gap"],
            [],
        ),
    ],
    ids=["exhaustive", "approximate", "conformal", "filters"],
)
def test_what_a_selection_did_is_tracked(
    inputs: dict[str, GivenRun], settings: dict[str, Any], figures: list[str], pictures: list[str]
) -> None:
    sentence, own = _augmented(inputs, **settings)
    assert ("of the exact top 20% is found" in sentence) == ("certificate/top_overlap" in own.figures)
    assert {*COMMON, *figures} <= set(own.figures)
    assert len(own.metrics) <= 15
    found = {Path(file).name for file in own.pictures}
    assert {"lds_histogram.png", "alpha_histogram.png", "funnel.png", *pictures} <= found
    table = own.tables["class_shares.csv"]
    assert list(table.columns) == ["class", "share_of_A", "share_of_training"]
    assert len(table) == 10


def test_a_control_that_selects_nothing_has_no_table_and_says_so(inputs: dict[str, GivenRun]) -> None:
    sentence, own = _augmented(inputs, source="mixup")
    assert sentence == "36 as A, a control: source=mixup"
    assert own.metrics == {"images_of_A": 36}
    assert own.pictures == {"pictures/augmentation_set.png"}
    assert own.tables == {}


def test_where_nothing_is_selected_nothing_is_stored(inputs: dict[str, GivenRun]) -> None:
    context, own = surroundings(inputs)
    config = AugmentConfig(selection="paper", tau=0.999, sigma=DRAFTS_BANDWIDTH)
    with pytest.raises(SelectionError, match="feasible tau"):
        run(config, context)
    assert own.values == {}


def test_more_real_images_than_were_kept_aside_are_refused(inputs: dict[str, GivenRun]) -> None:
    context, own = surroundings(inputs)
    with pytest.raises(DataError, match="reserve_fraction"):
        run(AugmentConfig(source="real"), context)
    assert own.values == {}


def test_principal_axes_say_what_they_leave_out(inputs: dict[str, GivenRun]) -> None:
    sentence, own = _augmented(inputs, latent_space="pca", explained=0.6)
    assert "Note: density is measured along " in sentence
    assert own.figures["log_lds/dimensions"] < 4


def test_latents_that_are_maps_are_warned_of(digits: GivenRun, parts: dict[str, ExampleSet]) -> None:
    weights = maps_weights()
    mean, log_variance = codec_of(weights, parts["train"], "cpu").encode(parts["train"].examples_N)
    latents = LatentSet(mean, log_variance, parts["train"].ids_N)
    given = {
        "data": digits,
        "train": GivenRun("open", {"model": weights}),
        "encode": GivenRun("encode", {"latents": latents}),
    }
    warned, _ = _augmented(given)
    assert "Note: these latents are maps of 1x8x8, whose 64 numbers" in warned
    assert "are maps" not in _augmented(given, latent_space="pca")[0]
