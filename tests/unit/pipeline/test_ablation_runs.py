from dataclasses import replace
from typing import Any

import pytest

from lds_mlflow.config.arms import ARMS
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.values import Evaluation
from tests.conftest import MakePipeline

FEW: dict[str, Any] = {"seeds": 2, "workers": 1, "arms": "lds,sample-density"}


def _steps(tracker: Tracker) -> list[str]:
    runs = tracker.client.search_runs([tracker.experiment_id])
    return [str(run.data.tags[tags.STEP]) for run in runs]


def test_every_arm_has_every_seed_judged_by_both_parts_and_an_ablation_goes_on_from_what_is_there(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    settings = {"generations": 2, **FEW}
    run = make_pipeline("ablate", **settings).run("ablate")
    arms = ("baseline", "control", "lds", "sample-density", "generation 1", "generation 2")
    judged = {f"{arm}-{seed}-{part}" for arm in arms for seed in (0, 1) for part in ("select", "test")}
    made = {f"{arm}-{seed}-augment" for arm in ("lds",) for seed in (0, 1)}
    assert set(run.inputs) == {"data", "classifier"} | judged | made
    steps = _steps(tracker)
    counts = {step: steps.count(step) for step in ("data", "classifier", "train", "encode", "augment", "finetune")}
    # The control and what is sampled from it are one model, and the first generation is the draft's arm.
    assert counts == {"data": 1, "classifier": 1, "train": 2, "encode": 4, "augment": 4, "finetune": 6}
    first, second = (
        tracker.open(run.inputs[f"{arm}-1-test"]).load(Evaluation, "evaluation_test") for arm in ("control", "lds")
    )
    assert first.first_seed == second.first_seed != 0
    assert run.sentence.startswith("4 arms over 2 seeds\n")
    _require_paper(run, tracker)
    done = [line for line in said if " of 10 done" in line]
    assert (len(done), done[-1].startswith("ablate     10 of 10 done: ")) == (10, True)
    # How long an arm takes is not known from a baseline, nor is it asked of the last one.
    assert [", about " in line for line in done] == [False, *[True] * 8, False]
    said.clear()
    again = make_pipeline("ablate", **settings | {"arms": f"{FEW['arms']},random"}).run("ablate")
    ran = [line.split()[0] for line in said if " done in " in line]
    assert sorted(ran) == sorted(["augment", "finetune", "evaluate", "evaluate"] * 2 + ["ablate"])
    assert again.id != run.id


def _require_paper(run: FinishedRun, tracker: Tracker) -> None:
    found = {item.path.removeprefix("paper/") for item in tracker.client.list_artifacts(run.id, "paper")}
    for name in ("claims", "table1_filters", "table2_finetuning", "table3_arms"):
        assert {f"{name}.md", f"{name}.tex", f"{name}.png", f"{name}.csv"} <= found
    for name in ("figure1_pipeline", "figure2_lds_bands", "figure3_fid", "figure5_generations"):
        assert {f"{name}.md", f"{name}.tex", f"{name}.png"} <= found
    assert {"control/fid_low", "lds/fid_low"} <= set(run.figures)
    assert len(run.metrics) <= 15


def test_an_arm_that_is_not_possible_or_selects_nothing_is_left_out_and_the_rest_is_told(
    make_pipeline: MakePipeline, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    impossible: dict[str, str | float | bool] = {"combine": "both", "tau": 0.999, "selection": "paper"}
    monkeypatch.setitem(ARMS, "lds", replace(ARMS["lds"], augment=impossible))
    run = make_pipeline("ablate", **FEW | {"arms": "lds,oracle"}).run("ablate")
    assert "left out: lds, oracle" in run.sentence
    assert any("lds of seed 0 is left out" in line for line in said)
