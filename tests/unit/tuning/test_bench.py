from pathlib import Path

import pytest

from lds_mlflow.config import parse_all
from lds_mlflow.errors import SelectionError
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.pipeline import Pipeline
from lds_mlflow.pipeline.seed_runs import SeedRuns, shared_runs
from lds_mlflow.tracking import Tracker, tags
from lds_mlflow.values import ModelWeights
from tests.conftest import TINY
from tuning.bench import PARTS, Bench, Costs, Figures
from tuning.entry import TUNE


@pytest.fixture
def bench(tracker: Tracker, tmp_path: Path, said: list[str], undrawn_figures: None) -> Bench:
    values = {**TINY, "finetune_steps": 6, "work_dir": tmp_path / "work", "storage": f"sqlite:///{tmp_path / 'x.db'}"}
    pipeline = Pipeline(parse_all(TUNE.configs, values), tracker, Interruption(), said.append)
    parent = tracker.begin("tune", parent=None, values={})
    return Bench(pipeline.runner, parent.id, measured=("fid",))


def test_a_trial_measures_after_each_part_of_its_steps_and_every_trial_has_the_same_baseline(
    bench: Bench, tracker: Tracker
) -> None:
    reported: list[tuple[int, Figures]] = []
    costs = Costs()
    with_a = bench.try_out({"selection": "top"}, 0, costs, lambda part, figures: reported.append((part, figures)))
    assert [part for part, _ in reported] == [*range(1, PARTS)]
    measured = {"fid", "reconstructed_nearest_ratio", "reconstructed_tail_share"}
    assert all(set(figures) == measured for _, figures in (*reported, (PARTS, with_a.figures)))
    assert with_a.n_augmented > 0
    assert len(with_a.samples_S) == len(bench.basis(0).select)
    assert costs.finetuning > 0 < costs.sampling

    control = bench.try_out({"augment_run": "none"}, 0, costs, None)
    assert control.n_augmented == 0
    assert control.weights.digest != with_a.weights.digest
    steps = [run.data.tags.get(tags.STEP) for run in tracker.client.search_runs([tracker.experiment_id])]
    assert (steps.count("train"), steps.count("finetune"), steps.count("augment")) == (1, 0, 0)
    with pytest.raises(SelectionError):
        bench.try_out({"selection": "paper", "combine": "both", "tau": 0.999}, 0, costs, None)


def test_a_trial_makes_the_model_that_the_step_finetune_makes(bench: Bench) -> None:
    seeds = SeedRuns(bench.runner, shared_runs(bench.runner, {}, bench.parent), 0, bench.parent)
    run = seeds.finetune(seeds.baseline(), "control", {})
    made = bench.try_out({"augment_run": "none"}, 0, Costs(), None).weights
    assert made.digest == run.load(ModelWeights, "model").digest
