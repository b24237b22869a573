from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import TrialState

from lds_mlflow.config import parse_all
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.pipeline import Pipeline
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.tracking import Tracker, tags
from tests.conftest import TINY
from tuning.entry import TUNE
from tuning.lease import BEAT, FREE, Lease
from tuning.search import Search
from tuning.study import READY

MakeRunner = Callable[..., Runner]


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'tuning.db'}"


@pytest.fixture
def make_runner(tracker: Tracker, tmp_path: Path, said: list[str], storage: str, undrawn_figures: None) -> MakeRunner:
    def make(**changes: Any) -> Runner:
        small = {"trials": 3, "seeds": 1, "finalists": 1, "fresh_seeds": 2, "workers": 1, "ranges": "selection=top"}
        values = {**TINY, "work_dir": tmp_path / "work", "storage": storage, **small, **changes}
        return Pipeline(parse_all(TUNE.configs, values), tracker, Interruption(), said.append).runner

    return make


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"sigma": "loo"}, "ranges=sigma=loo"),
        ({"space": "sampling", "ranges": "", "sampler": "prior"}, "sampler=prior"),
    ],
)
def test_a_parameter_that_is_given_and_searched_is_told(
    given: dict[str, Any], remedy: str, make_runner: MakeRunner, tracker: Tracker
) -> None:
    with pytest.raises(ConfigError, match=remedy):
        Search(make_runner(**given))
    assert tracker.client.search_runs([tracker.experiment_id]) == []


def test_a_given_parameter_that_the_space_does_not_search_holds(make_runner: MakeRunner) -> None:
    assert Search(make_runner(space="finetuning", ranges="", sigma="loo"))


def _require_that_nothing_was_made_twice(study: str, tracker: Tracker, said: list[str]) -> None:
    runs = tracker.client.search_runs([tracker.experiment_id], f"tags.`mlflow.parentRunId` = '{study}'")
    fingerprints = [run.data.tags[tags.FINGERPRINT] for run in runs if tags.FINGERPRINT in run.data.tags]
    assert len(set(fingerprints)) == len(fingerprints)
    plan = next(place for place, line in enumerate(said) if line.startswith("plan"))
    assert [line.split()[:3] for line in said[plan + 1 : plan + 6]] == [
        ["1", "x", "classifier"],
        ["1", "x", "train"],
        ["1", "x", "encode"],
        ["3", "x", "trial"],
        ["then", "1", "leading"],
    ]
    # The baselines of the study's one seed, and of the two fresh ones.
    assert [run.data.tags.get(tags.STEP) for run in runs].count("train") == 3


def test_a_study_makes_nothing_twice_without_reuse_and_is_led_by_the_next_command_if_its_leader_is_lost(
    make_runner: MakeRunner, tracker: Tracker, storage: str, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.search.Lease", partial(Lease, seconds=0.2))
    first = Search(make_runner(reuse=False, registered_model="none")).run()
    _require_that_nothing_was_made_twice(first, tracker, said)
    study = optuna.load_study(study_name="lds", storage=storage)
    assert study.user_attrs[BEAT] == FREE
    # As if its machine had gone, and nobody had told MLflow.
    study.set_user_attr(BEAT, f"{first} 41")
    tracker.client.update_run(first, status="RUNNING")
    tracker.client.set_tag(first, tags.PROCESS, "elsewhere 1 1")
    said.clear()
    again = Search(make_runner(registered_model="none", trials=4)).run()
    assert again == first
    assert tracker.client.get_run(first).info.status == "FINISHED"
    assert any(f"run {first}, which leads this study, is alive" in line for line in said)
    finished = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    assert len(finished) == 4
    # As if images had been added to the folder since.
    study.set_user_attr(READY, "another digest")
    with pytest.raises(ConfigError, match="found other examples than those of the study lds"):
        Search(make_runner(registered_model="none", trials=5)).run()
    assert len(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))) == 4


class _Pixels(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().flatten(1)[:, ::8]


def test_images_without_classes_are_searched_by_other_features(
    make_runner: MakeRunner, tracker: Tracker, tmp_path: Path, unlabelled_folder: Path
) -> None:
    program = tmp_path / "pixels.pt"
    with pytest.warns(FutureWarning, match="deprecated"):
        torch.jit.script(_Pixels()).save(str(program))
    changes = {"data": str(unlabelled_folder), "limit": 0, "features": "program", "feature_weights": str(program)}
    study = Search(make_runner(**changes, k_neighbours=1, trials=2, registered_model="none")).run()
    assert tracker.client.get_run(study).info.status == "FINISHED"
    steps = {run.data.tags.get(tags.STEP) for run in tracker.client.search_runs([tracker.experiment_id])}
    assert "evaluate" in steps
    assert "classifier" not in steps
