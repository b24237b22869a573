from dataclasses import replace

import pytest

from lds_mlflow.errors import ProtocolError
from lds_mlflow.metrics import preferred, preferred_over_seeds
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation


def _found(
    fid: float, *, ratio: float = 1.2, tail: float = 0.0, coverage: float = 0.8, part: str = "select", n: int = 400
) -> Evaluation:
    metrics = {"fid": fid, "nearest_ratio": ratio, "tail_share": tail, "coverage": coverage}
    return an_evaluation(metrics=metrics, part=part, n_samples=n)


def test_the_lowest_fid_is_preferred() -> None:
    assert preferred({"prior": _found(3), "density": _found(2), "mixture": _found(4)}) == "density"


def test_copies_are_not_preferred_however_low_their_fid() -> None:
    assert preferred({"prior": _found(3), "copies": _found(1, ratio=0.99)}) == "prior"


def test_a_few_near_copies_among_many_samples_are_too_many() -> None:
    some = _found(1, ratio=1.5, tail=0.035)
    assert preferred({"prior": _found(3), "near-copies": some}) == "prior"
    assert preferred({"prior": _found(3), "as real ones": _found(1, tail=0.02)}) == "as real ones"


def test_of_copies_alone_the_farthest_are_preferred() -> None:
    assert preferred({"near": _found(1, ratio=0.5), "less near": _found(2, ratio=0.9)}) == "less near"


def test_over_seeds_means_count() -> None:
    arms = {"control": [_found(3), _found(3)], "steady": [_found(2), _found(2)], "lucky": [_found(0.5), _found(4.5)]}
    assert preferred_over_seeds(arms, "control") == "steady"


@pytest.mark.parametrize("loses", [{"coverage": 0.7}, {"ratio": 0.9}, {"tail": 0.04}])
def test_an_arm_that_loses_coverage_or_copies_is_not_preferred(loses: dict[str, float]) -> None:
    loser = _found(1, ratio=loses.get("ratio", 1.2), tail=loses.get("tail", 0), coverage=loses.get("coverage", 0.8))
    arms = {"control": [_found(3), _found(3)], "arm": [loser, loser]}
    assert preferred_over_seeds(arms, "control") == "control"


def test_the_reference_is_in_question_even_if_it_copies() -> None:
    arms = {"control": [_found(3, ratio=0.5)] * 2, "arm": [_found(1, ratio=0.5)] * 2}
    assert preferred_over_seeds(arms, "control") == "control"


def test_over_seeds_reconstructions_set_the_limits_where_all_seeds_have_them() -> None:
    control, near = [_found(3), _found(3)], _found(1, ratio=0.9)
    unseen = {"reconstructed_nearest_ratio": 0.85, "reconstructed_tail_share": 0.0}
    smoothed = replace(near, metrics=near.metrics | unseen)
    assert preferred_over_seeds({"control": control, "arm": [smoothed, smoothed]}, "control") == "arm"
    assert preferred_over_seeds({"control": control, "arm": [smoothed, near]}, "control") == "control"


def test_nothing_is_chosen_by_the_test_part() -> None:
    with pytest.raises(ProtocolError, match="part=select"):
        preferred({"prior": _found(3), "density": _found(2, part="test")})
    with pytest.raises(ProtocolError, match="part=select"):
        preferred_over_seeds({"control": [_found(3), _found(3, part="test")]}, "control")
