from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from lds_mlflow.recipes.convergence import converged as convergence_metric
from lds_mlflow.reporting.ablation import AblationResults, read_results
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation
from tests.unit.reporting.ablation.conftest import ablation_results, arm


class FakeRun:
    """A finished run that has what it is given."""

    def __init__(
        self, fid: float = 0.0, folder: Path | None = None, source: str = "interpolants", converged: bool | None = None
    ) -> None:
        self.fid, self.path, self.params = fid, folder, {"source": source}
        self.figures = {"distance_to_held_out_by_lds": -fid}
        self.metrics = convergence_metric(converged)

    def load(self, kind: type[Evaluation], name: str) -> Evaluation:
        return an_evaluation(part=name.removeprefix("evaluation_"), metrics={"fid": self.fid})

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        assert self.path is not None
        yield self.path / name


def _read(runs: Mapping[str, FakeRun], *wanted: str) -> AblationResults:
    inputs = {name: cast(FinishedRun, run) for name, run in runs.items()}
    return read_results(inputs, wanted, seeds=2, margin=0.2)


def _evaluated(*arms: str) -> dict[str, FakeRun]:
    names = [(name, seed, part) for name in arms for seed in (0, 1) for part in ("select", "test")]
    return {f"{name}-{seed}-{part}": FakeRun(len(name) + seed) for name, seed, part in names}


@pytest.fixture
def shares(tmp_path: Path) -> Path:
    (tmp_path / "class_shares.csv").write_text("class,share_of_A,share_of_training\nmen,0.6,0.5\nWomen,0.4,0.5\n")
    return tmp_path


def test_every_arm_has_its_evaluations_in_the_order_of_the_seeds() -> None:
    results = _read(_evaluated("baseline", "control"), "baseline", "control")
    assert [found.metrics["fid"] for found in results.test["control"]] == [7, 8]
    assert {found.part for found in results.select["baseline"]} == {"select"}
    assert results.first.metrics["fid"] == 7
    assert results.margin == 0.2
    assert results.correlations == (-8, -9)


def test_an_arm_that_lacks_a_seed_is_left_out() -> None:
    runs = _evaluated("baseline", "control", "oracle")
    del runs["oracle-1-test"]
    results = _read(runs, "baseline", "control", "oracle")
    assert results.left_out == ("oracle",)
    assert set(results.test) == {"baseline", "control"}


def test_the_share_of_women_in_a_is_read_of_arms_of_interpolants(shares: Path, tmp_path: Path) -> None:
    runs = _evaluated("baseline", "control", "lds", "prior", "random")
    empty = tmp_path / "empty"
    empty.mkdir()
    for seed in (0, 1):
        runs[f"lds-{seed}-augment"] = FakeRun(folder=shares)
        runs[f"prior-{seed}-augment"] = FakeRun(folder=shares, source="prior")
        runs[f"random-{seed}-augment"] = FakeRun(folder=empty)
    results = _read(runs, "baseline", "control", "lds", "prior", "random")
    assert results.women_of_A == {"lds": (0.4, 0.4)}
    assert set(results.augmentations) == {"lds", "prior", "random"}


def test_generations_are_read_from_the_first_to_the_last() -> None:
    runs = _evaluated("baseline", "control")
    runs |= {f"generation {number}-{seed}-test": FakeRun(10 * number + seed) for number in (1, 2) for seed in (0, 1)}
    found = _read(runs, "baseline", "control").generations
    assert [[one.metrics["fid"] for one in generation] for generation in found] == [[10, 11], [20, 21]]
    assert _read(_evaluated("baseline", "control"), "baseline", "control").generations == ()


def test_a_figure_that_a_seed_lacks_has_no_mean() -> None:
    results = ablation_results()
    mean = results.mean("lds", "fid")
    assert mean is not None
    assert mean.value == pytest.approx(4.5)
    assert results.mean("lds", "precision") is None


def test_an_arm_compared_by_itself_has_p_values_that_are_not_corrected() -> None:
    results = ablation_results()
    alone = results.compared("lds", "control")["fid"]
    among = results.against_control["lds", "fid"]
    assert alone.p == among.p == alone.p_corrected
    assert among.p_corrected >= alone.p_corrected
    assert ("control", "fid") not in results.against_control


def test_the_share_of_women_is_known_where_that_is_a_class() -> None:
    assert ablation_results().share_of_women == "class_share_corrected/Female"
    digits = tuple(an_evaluation(metrics={"train_class_share/3": 0.1}) for _ in range(5))
    assert ablation_results(test={"baseline": digits, "control": arm(4.0)}).share_of_women is None


def test_the_seeds_whose_baseline_had_not_converged_are_known() -> None:
    runs = _evaluated("baseline", "control")
    assert _read(runs, "baseline", "control").unconverged == ()
    runs |= {"baseline-0-test": FakeRun(1, converged=True), "baseline-1-test": FakeRun(1, converged=False)}
    results = _read(runs, "baseline", "control")
    assert results.unconverged == (1,)
    assert "in 1 of 2 seeds its training ended before it was seen" in results.convergence


def test_a_control_that_is_better_by_its_steps_alone_shows_that_the_baseline_had_not_converged() -> None:
    assert "more steps without A still lower its FID (-1)" in ablation_results().convergence
    same = ablation_results()
    same.test["control"] = arm(5.0)
    assert same.convergence == ""
