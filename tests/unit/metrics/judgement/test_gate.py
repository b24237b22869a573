from collections.abc import Mapping
from typing import Any

import pytest
import torch

from lds_mlflow.errors import DataError, ProtocolError
from lds_mlflow.metrics import Limits, decide
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation

LIMITS = Limits(coverage_loss=0.02, share_gap_gain=0.02)
NAMES = ("fid", "coverage", "class_share_gap_corrected")
N = 400


def _evaluation(figures: Mapping[str, float] | None = None, *, part: str = "select", spread: float = 1.0) -> Evaluation:
    """An evaluation whose figures have a standard error of about spread / 20 from the samples alone."""
    metrics = {"fid": 10.0, "fid_infinity": 9.0, "coverage": 0.8, "class_share_gap_corrected": 0.05}
    metrics |= {"nearest_ratio": 1.1, "tail_share": 0.01} | dict(figures or {})
    influence = torch.randn(N, generator=torch.Generator().manual_seed(int(1000 * metrics["fid"]))).double() * spread
    by_sample = {name: influence - influence.mean() for name in NAMES}
    by_real = {name: torch.zeros(N, dtype=torch.float64) for name in NAMES}
    changes: dict[str, Any] = {"part": part, "n_samples": N, "metrics": metrics}
    return an_evaluation(**changes, by_real=by_real, by_sample=by_sample)


def _decide(candidate: Evaluation, champion: Evaluation | None, figure: str = "fid") -> tuple[bool, set[str], str]:
    decision = decide(candidate, champion, figure=figure, limits=LIMITS, replicates=1000)
    return decision.promotes, {limit.name for limit in decision.limits if not limit.holds}, decision.sentence


def test_who_is_clearly_better_and_loses_nothing_is_promoted() -> None:
    promotes, failed, sentence = _decide(_evaluation({"fid": 8.0, "fid_infinity": 7.0}), _evaluation())
    assert (promotes, failed) == (True, set())
    assert "FID 8 against 10 (-2, " in sentence
    assert sentence.count(";") == 4


@pytest.mark.parametrize(
    ("figures", "failed"),
    [
        ({"fid": 9.99, "fid_infinity": 8.99}, "fid"),
        ({"fid": 12.0, "fid_infinity": 11.0}, "fid"),
        # Better by its bias alone: of infinitely many examples it would be worse.
        ({"fid": 8.0, "fid_infinity": 9.5}, "fid"),
        ({"fid": 8.0, "fid_infinity": 7.0, "coverage": 0.77}, "coverage"),
        ({"fid": 8.0, "fid_infinity": 7.0, "nearest_ratio": 0.99}, "nearest_ratio"),
        ({"fid": 8.0, "fid_infinity": 7.0, "tail_share": 0.035}, "tail_share"),
        ({"fid": 8.0, "fid_infinity": 7.0, "class_share_gap_corrected": 0.08}, "class_share_gap_corrected"),
    ],
)
def test_who_is_not_clearly_better_or_loses_something_is_not_and_it_is_said_which(
    figures: dict[str, float], failed: str
) -> None:
    promotes, which, sentence = _decide(_evaluation(figures), _evaluation(spread=1.01))
    assert (promotes, which) == (False, {failed})
    assert ";" not in sentence


def test_all_that_fails_is_said() -> None:
    _, failed, sentence = _decide(_evaluation({"fid": 11.0, "coverage": 0.5, "nearest_ratio": 0.5}), _evaluation())
    assert failed == {"fid", "coverage", "nearest_ratio"}
    assert sentence.count(";") == 2


def test_a_loss_within_the_limits_is_none() -> None:
    figures = {"fid": 8.0, "fid_infinity": 7.0, "coverage": 0.785, "class_share_gap_corrected": 0.065}
    assert _decide(_evaluation(figures), _evaluation())[0]


def test_the_first_champion_has_but_to_keep_its_distance() -> None:
    assert _decide(_evaluation(), None)[0]
    assert _decide(_evaluation({"nearest_ratio": 0.9}), None)[:2] == (False, {"nearest_ratio"})
    assert _decide(_evaluation({"tail_share": 0.1}), None)[:2] == (False, {"tail_share"})


def test_the_tail_is_said_with_the_number_of_samples_and_with_what_chance_allows() -> None:
    few = an_evaluation(part="select", n_samples=20, metrics={"nearest_ratio": 1.1, "tail_share": 0.05})
    promotes, _, sentence = _decide(few, None)
    assert promotes
    assert sentence.endswith("Tail share 0.05 of 20 samples (at most 0.02 is allowed, 0.0829 with chance)")


def test_reconstructions_of_unseen_examples_may_set_the_limits_and_that_is_said() -> None:
    near = {"nearest_ratio": 0.9, "tail_share": 0.05}
    assert not _decide(_evaluation(near), None)[0]
    unseen = {"reconstructed_nearest_ratio": 0.85, "reconstructed_tail_share": 0.06}
    promotes, _, sentence = _decide(_evaluation(near | unseen), None)
    assert promotes
    assert "at least 0.85 is asked for, as its reconstructions of unseen examples have it" in sentence
    assert "at most 0.06 is allowed, as its reconstructions of unseen examples have it" in sentence


def test_limits_that_are_asked_for_hold_whatever_reconstructions_have() -> None:
    near = {"nearest_ratio": 0.9, "tail_share": 0.05, "reconstructed_nearest_ratio": 0.8}
    candidate = _evaluation(near | {"reconstructed_tail_share": 0.06})
    for limits, failed in (
        (LIMITS._replace(least_nearest_ratio=1.0, most_tail_share=0.02), {"nearest_ratio", "tail_share"}),
        (LIMITS._replace(most_tail_share=0.02), {"tail_share"}),
        (LIMITS._replace(least_nearest_ratio=0.0, most_tail_share=0.5), set()),
    ):
        decision = decide(candidate, None, figure="fid", limits=limits)
        assert {limit.name for limit in decision.limits if not limit.holds} == failed


def test_another_figure_may_be_asked_for() -> None:
    better = _evaluation({"coverage": 0.9}, spread=0.1)
    assert _decide(better, _evaluation(spread=0.11), "coverage")[0]
    assert not _decide(better, _evaluation(spread=0.11), "fid")[0]


def test_without_classes_nothing_is_asked_of_their_balance() -> None:
    candidate, champion = (
        an_evaluation(
            part="select",
            n_samples=N,
            metrics={"fid": fid, "fid_infinity": fid, "coverage": 0.8, "nearest_ratio": 1.1, "tail_share": 0.0},
            by_real={name: torch.zeros(N, dtype=torch.float64) for name in NAMES[:2]},
            by_sample={name: torch.linspace(-1, 1, N).double() for name in NAMES[:2]},
        )
        for fid in (8.0, 10.0)
    )
    decision = decide(candidate, champion, figure="fid", limits=LIMITS, replicates=1000)
    assert [limit.name for limit in decision.limits] == ["fid", "coverage", "nearest_ratio", "tail_share"]


@pytest.mark.parametrize("which", [0, 1])
def test_the_test_part_decides_nothing(which: int) -> None:
    pair = [_evaluation(part="test" if i == which else "select") for i in range(2)]
    with pytest.raises(ProtocolError, match="part test"):
        decide(pair[0], pair[1], figure="fid", limits=LIMITS)


def test_figures_of_other_examples_are_not_compared() -> None:
    other = an_evaluation(part="select", held_out_digest="other", metrics={"nearest_ratio": 1.0, "tail_share": 0.0})
    with pytest.raises(DataError, match="held-out examples"):
        decide(_evaluation(), other, figure="fid", limits=LIMITS)
