from pathlib import Path

import pytest

from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.values import Calibration, LatentDistribution
from tests.conftest import MakePipeline

CALIBRATED = {"sampler_sigma": "calibrated"}


@pytest.fixture
def tracking_uri(trained_store: str) -> str:
    return trained_store


def _calibrations(tracker: Tracker) -> list[str]:
    found = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = 'calibrate'")
    return [run.info.run_id for run in found]


def _calibration_of(tracker: Tracker, run: FinishedRun) -> Calibration:
    return tracker.open(run.inputs["calibrate"]).load(Calibration, "calibration")


def test_what_draws_from_the_density_is_calibrated_once_for_all_and_the_model_is_registered_with_it(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    registered = make_pipeline("register", sampler_components=3, **CALIBRATED).run("register")
    found = _calibration_of(tracker, registered)
    for step, changes in {"evaluate": {}, "sample": {"count": 2}}.items():
        run = make_pipeline(step, sampler="density", **changes, **CALIBRATED).run(step)
        assert run.inputs["calibrate"] == registered.inputs["calibrate"]
        assert f"sigma {found.sigma:.3g}" in run.sentence
    assert len(_calibrations(tracker)) == 1
    assert tracker.open(registered.inputs["density"]).inputs["calibrate"] == registered.inputs["calibrate"]
    assert "calibrate" not in tracker.open(registered.inputs["prior"]).inputs
    # The gate judges the version with the width that it was registered with.
    make_pipeline("promote", candidate="1").promote()
    assert len(_calibrations(tracker)) == 1


def test_a_model_that_is_served_by_the_density_has_the_calibrated_width(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    run = make_pipeline("register", served_sampler="density", **CALIBRATED).run("register")
    width = run.load(LatentDistribution, "distribution").tensors["scales"].item()
    assert width == pytest.approx(_calibration_of(tracker, run).sigma)


def test_each_model_has_a_calibration_of_its_own(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    model = make_pipeline("train").run("train")
    for changes in ({}, {"model_run": model.id}):
        make_pipeline("sample", count=2, **CALIBRATED, **changes).run("sample")
    assert len(_calibrations(tracker)) == 2


def test_each_kernel_has_a_calibration_of_its_own(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    for kernel in ("isotropic", "neighbours"):
        run = make_pipeline("sample", count=2, sampler_kernel=kernel, **CALIBRATED).run("sample")
        assert tracker.open(run.inputs["calibrate"]).params["sampler_kernel"] == kernel
    assert len(_calibrations(tracker)) == 2
    assert f"sigma {_calibration_of(tracker, run).sigma:.3g}, kernel neighbours" in run.sentence


def test_a_version_is_judged_with_the_kernel_that_it_was_registered_with(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    make_pipeline("register", served_sampler="density", sampler_kernel="covariance", **CALIBRATED).run("register")
    make_pipeline("promote", candidate="1").promote()
    found = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = 'evaluate'")
    assert [run.data.params["sampler_kernel"] for run in found] == ["covariance"]
    assert len(_calibrations(tracker)) == 1


@pytest.mark.parametrize("changes", [{"sampler": "prior"}, {"sampler": "interpolants"}, {"sampler_sigma": "norm/5"}])
def test_nothing_is_calibrated_that_nothing_needs(
    make_pipeline: MakePipeline, tracker: Tracker, changes: dict[str, str]
) -> None:
    run = make_pipeline("sample", count=2, **{**CALIBRATED, **changes}).run("sample")
    assert "calibrate" not in run.inputs
    assert _calibrations(tracker) == []


def test_where_samples_cannot_be_judged_the_drafts_width_is_taken_and_that_is_said(
    make_pipeline: MakePipeline, unlabelled_folder: Path, tracker: Tracker, said: list[str]
) -> None:
    make_pipeline("sample", data=str(unlabelled_folder), limit=0, count=2, **CALIBRATED).run("sample")
    assert _calibrations(tracker) == []
    assert any(line.startswith("calibrate  not measured, since without classes") and "norm/5" in line for line in said)


def test_a_part_select_with_no_more_images_than_neighbours_calibrates_nothing(
    make_pipeline: MakePipeline, said: list[str]
) -> None:
    run = make_pipeline("sample", count=2, k_neighbours=24, **CALIBRATED).run("sample")
    assert "calibrate" not in run.inputs
    assert any("the part select has 24 images, and k_neighbours=24 takes more" in line for line in said)
