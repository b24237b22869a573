from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.errors import LdsError
from lds_mlflow.pipeline.early_checks import require_division
from lds_mlflow.recipes.division import Division
from lds_mlflow.tracking import Tracker, tags
from tests.conftest import MakePipeline, tiny_configs

SIZES = {"cat": 20, "dog": 6, "owl": 4}
FEW = Division(30, 4, 8, 0, has_classes=True, domain="images", class_sizes=lambda: SIZES)


def _check(entry_point: str, division: Division = FEW, **values: Any) -> None:
    require_division(tiny_configs(entry_point, values), division, "cpu")


@pytest.mark.parametrize(
    ("entry_point", "values", "says"),
    [
        ("finetune", {}, "k_neighbours=5: found 4 images of the part select"),
        ("register", {}, "k_neighbours=5: found 4 images of the part select"),
        ("main", {}, "k_neighbours=5: found 4 images of the part select"),
        ("ablate", {}, "k_neighbours=5: found 4 images of the part select"),
        ("evaluate", {"part": "select"}, "k_neighbours=5: found 4 images of the part select"),
        ("evaluate", {"k_neighbours": 8}, "k_neighbours=8: found 8 images of the part test"),
        ("evaluate", {"samples": 9}, "samples: found 9 samples, but 8 images"),
        ("evaluate", {"samples": 3}, "k_neighbours=5: found 3 images"),
        ("compare", {"k_neighbours": 8}, "k_neighbours=8: found 8 images of the part test"),
        ("finetune", {"k_neighbours": 3, "sampler_components": 31}, "sampler_components=31"),
        ("evaluate", {"sampler": "mixture", "sampler_components": 31}, "sampler_components=31"),
        ("sample", {"sampler": "mixture", "sampler_components": 31}, "sampler_components=31"),
        ("sample", {"sample_label": "cow"}, "sample_label=cow: found no class cow; expected .*: cat, dog, owl"),
        ("sample", {"sample_label": "owl"}, "sample_label=owl: found too few training examples: 4 of owl"),
        ("sample", {"sample_label": "cat", "sampler": "prior"}, "the sampler prior, which can't draw classes"),
        ("sample", {"sample_label": "cat", "sampler": "mixture"}, "the sampler mixture"),
        ("sample", {"balance": "equal"}, "balance=equal: found too few training examples: 4 of owl"),
        ("sample", {"balance": "cat:0.5,cow:0.5"}, "balance=cat:0.5,cow:0.5: found no class cow"),
        ("sample", {"balance": "equal", "sampler": "interpolants"}, "the sampler interpolants"),
        ("evaluate", {"balance": "equal"}, "balance=equal: found too few training examples: 4 of owl"),
        ("evaluate", {"balance": "cat:0.5,dog:0.5", "sampler": "prior"}, "the sampler prior"),
        ("ablate", {"k_neighbours": 3, "arms": "sample-mixture", "sampler_components": 31}, "sampler_components=31"),
        ("register", {"served_sampler": "mixture", "sampler_components": 31}, "sampler_components=31"),
        ("augment", {"parent_neighbours": 30}, "at most 29, the number of other latents"),
        ("augment", {"stratify": "cluster", "clusters": 31}, "clusters=31"),
        ("augment", {"source": "real"}, "reserve_fraction=0.2"),
        ("augment", {"top_fraction": 1e-12}, "candidates that fit in"),
        ("finetune", {"sharpest_fraction": 1e-12}, "candidates that fit in"),
    ],
)
def test_what_the_division_shows_to_be_impossible_is_said(entry_point: str, values: Any, says: str) -> None:
    with pytest.raises(LdsError) as caught:
        _check(entry_point, **values)
    assert all(part in str(caught.value) for part in says.split(".*"))


@pytest.mark.parametrize(
    ("entry_point", "values"),
    [
        ("evaluate", {}),
        ("compare", {}),
        ("augment", {"parent_neighbours": 29}),
        ("augment", {"source": "prior", "parent_neighbours": 40}),
        ("finetune", {"registered_model": "none"}),
        ("finetune", {"served_sampler": "density"}),
        ("finetune", {"k_neighbours": 3}),
        ("ablate", {"k_neighbours": 3, "arms": "lds", "sampler_components": 31}),
        ("finetune", {"registered_model": "none", "served_sampler": "mixture", "sampler_components": 31}),
        ("train", {}),
        ("sample", {}),
        ("sample", {"sample_label": "cat"}),
        ("sample", {"sample_label": "dog", "sampler": "interpolants"}),
        ("sample", {"balance": "cat:0.5,dog:0.5,owl:0"}),
        ("evaluate", {"balance": "dog:1", "sampler_kernel": "neighbours"}),
    ],
)
def test_what_a_command_does_not_measure_is_not_asked_for(entry_point: str, values: Any) -> None:
    _check(entry_point, **values)


@pytest.mark.parametrize(
    ("entry_point", "values"),
    [
        ("evaluate", {"sampler": "flow"}),
        ("sample", {"sampler": "ncp"}),
        ("register", {"served_sampler": "flow"}),
        ("ablate", {"arms": "sample-ncp"}),
    ],
)
def test_a_network_is_not_fitted_to_a_handful_of_latents(entry_point: str, values: Any) -> None:
    handful = Division(train=9, select=9, test=9, reserve=0, has_classes=True, domain="images")
    with pytest.raises(LdsError, match="the training latents: found 9; expected at least 10"):
        _check(entry_point, handful, **values)


def test_classes_are_asked_for_where_a_selection_keeps_their_shares() -> None:
    unlabelled = Division(train=30, select=4, test=8, reserve=0, has_classes=False, domain="images")
    with pytest.raises(LdsError, match="stratify=cluster"):
        _check("augment", unlabelled, stratify="class")
    # Without classes and without other features, no sampler is chosen, so nothing is measured.
    _check("finetune", unlabelled)


def test_classes_are_asked_for_where_a_classifier_is_to_be_trained_on_them() -> None:
    unlabelled = Division(train=30, select=9, test=9, reserve=0, has_classes=False, domain="images")
    for entry_point in ("main", "evaluate", "ablate"):
        with pytest.raises(LdsError, match=r"no classes; expected .* other features: inception, squeezenet"):
            _check(entry_point, unlabelled)
    _check("evaluate", unlabelled, classifier_run="1a2b3c4d")
    molecules = replace(unlabelled, domain="molecules")
    with pytest.raises(LdsError, match="other features: chemnet"):
        _check("evaluate", molecules)


def test_classes_are_asked_for_where_samples_are_of_some() -> None:
    unlabelled = Division(train=30, select=4, test=8, reserve=0, has_classes=False, domain="images")
    for values in ({"sample_label": "cat"}, {"balance": "equal"}, {"balance": "cat:1"}):
        with pytest.raises(LdsError, match="found training examples without classes"):
            _check("sample", unlabelled, **values)


@pytest.mark.parametrize("entry_point", ["main", "finetune", "register", "compare", "ablate", "promote"])
def test_a_command_that_compares_samplers_or_models_takes_no_class_shares(entry_point: str) -> None:
    assert "balance" not in ENTRY_POINTS[entry_point].parameters
    assert {"balance", "sample_label"} & ENTRY_POINTS["sample"].parameters.keys()


def test_an_extractor_for_other_examples_is_said_before_its_weights_are_looked_for() -> None:
    vectors = Division(train=30, select=9, test=9, reserve=0, has_classes=True, domain="vectors")
    with pytest.raises(LdsError, match="one of classifier"):
        _check("evaluate", vectors, features="inception")


@pytest.mark.parametrize("features", ["inception", "squeezenet", "squeezenet-caffe", "program"])
def test_weights_that_are_broken_are_said(features: str, tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"broken")
    with pytest.raises(LdsError, match=r"weights\.pt"):
        _check("evaluate", features=features, feature_weights=str(tmp_path / "weights.pt"))


def test_a_command_ends_with_it_before_the_first_step_on_the_data(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    with pytest.raises(LdsError, match="k_neighbours=25"):
        make_pipeline("evaluate", k_neighbours=25).run("evaluate")
    runs = tracker.client.search_runs([tracker.experiment_id])
    finished = [run.data.tags.get(tags.STEP) for run in runs if run.info.status == "FINISHED"]
    assert finished == ["data"]
    assert not [run for run in runs if run.info.status == "RUNNING"]
