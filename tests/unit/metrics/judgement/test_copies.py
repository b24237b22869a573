import numpy as np
import pytest

from lds_mlflow.choices.figures import COPIES
from lds_mlflow.metrics import CopyLimits, copy_limits, is_too_near
from lds_mlflow.metrics.judgement.copies import allowed_tail_share, are_copies, beyond_limits, means_with_copies
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation


def _found(*, tail: float, n: int) -> Evaluation:
    return an_evaluation(metrics={"nearest_ratio": 1.2, "tail_share": tail}, part="select", n_samples=n)


def _of_unseen(ratio: float, tail: float) -> dict[str, float]:
    return {"reconstructed_nearest_ratio": ratio, "reconstructed_tail_share": tail}


@pytest.mark.parametrize(("tail", "n", "copies"), [(0.05, 20, False), (0.1, 20, True), (0.022, 20_000, True)])
def test_the_more_samples_the_less_is_chance(tail: float, n: int, copies: bool) -> None:
    assert is_too_near(_found(tail=tail, n=n)) is copies


def test_the_chance_is_that_of_real_examples() -> None:
    generator, n = np.random.default_rng(0), 1000
    ranks = np.sort(generator.random((2000, n)), axis=1)
    shares = generator.binomial(n, np.quantile(ranks, 0.01, axis=1, method="weibull")) / n
    assert allowed_tail_share(0.01, n) == pytest.approx(0.01 + 2 * shares.std(), rel=0.05)


def test_how_far_beyond_the_limits_is_said_by_figure() -> None:
    beyond = beyond_limits({"nearest_ratio": 0.75, "tail_share": 0.0}, 1000)
    assert beyond == {"nearest_ratio": 0.25, "tail_share": -allowed_tail_share(0.02, 1000)}
    assert set(beyond) == set(COPIES)


@pytest.mark.parametrize(
    ("ratio", "tail", "limits"),
    [
        (1.2, 0.01, CopyLimits(1.0, 0.02)),
        (0.9, 0.01, CopyLimits(0.9, 0.02)),
        (1.2, 0.05, CopyLimits(1.0, 0.05)),
        # A decoder that has memorized shows training examples whatever it is given.
        (0.1, 0.9, CopyLimits(0.75, 0.1)),
    ],
)
def test_reconstructions_of_unseen_examples_set_the_limits_where_they_are_nearer(
    ratio: float, tail: float, limits: CopyLimits
) -> None:
    assert copy_limits(_of_unseen(ratio, tail)) == limits


def test_without_reconstructions_real_examples_set_the_limits() -> None:
    assert copy_limits({"nearest_ratio": 0.1, "tail_share": 0.9}) == CopyLimits(1.0, 0.02)


def test_samples_as_near_as_reconstructions_of_unseen_examples_are_no_copies() -> None:
    near = {"nearest_ratio": 0.91, "tail_share": 0.05}
    assert are_copies(near, 100_000)
    assert not are_copies(near | _of_unseen(0.9, 0.051), 100_000)
    assert are_copies(near | _of_unseen(0.95, 0.051), 100_000)
    assert are_copies(near | _of_unseen(0.9, 0.03), 100_000)


def test_means_over_seeds_have_what_limits_them_where_every_seed_has_it() -> None:
    seeds = [{"fid": 1.0, "nearest_ratio": 1.0, "tail_share": 0.0, **_of_unseen(0.8, 0.0)}]
    seeds.append({"fid": 3.0, "nearest_ratio": 2.0, "tail_share": 0.5, "reconstructed_nearest_ratio": 1.0})
    means = {"fid": 2.0, "nearest_ratio": 1.5, "tail_share": 0.25, "reconstructed_nearest_ratio": pytest.approx(0.9)}
    assert means_with_copies(seeds, ["fid"]) == means
