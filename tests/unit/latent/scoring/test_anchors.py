import torch

from lds_mlflow.latent.geometry import TENTHS, Geometry
from lds_mlflow.latent.scoring.anchors import Anchors, beyond_reach, log_loss
from lds_mlflow.latent.scoring.kernels import LEFT_OUT
from tests.unit.latent.conftest import gaussian

Z, SIGMA, ROWS = gaussian(30, 4, dtype=torch.float64), 0.8, torch.tensor([2, 5, 29])
GEOMETRY = Geometry.of(Z, SIGMA)


def _exponents() -> torch.Tensor:
    anchors = Anchors.of(ROWS, Z, GEOMETRY)
    return anchors.exponents(GEOMETRY.place(Z), torch.arange(30))


def test_exponents_are_minus_scaled_squared_distances_shifted_so_that_the_nearest_is_at_0() -> None:
    squares = torch.cdist(Z[ROWS], Z).square() / (2 * SIGMA**2)
    squares[torch.arange(3), ROWS] = torch.inf
    expected = squares.amin(1, keepdim=True) - squares
    found = _exponents()
    others = torch.isfinite(expected)
    torch.testing.assert_close(found[others], expected[others])
    assert found[others].view(3, 29).amax(1).abs().max() < 1e-10


def test_an_anchor_leaves_itself_out() -> None:
    assert (_exponents()[torch.arange(3), ROWS] < LEFT_OUT / 2).all()


def test_roots_are_tenths_of_the_exponents_and_0_for_the_anchor_itself() -> None:
    anchors = Anchors.of(ROWS, Z, GEOMETRY)
    roots, largest = anchors.roots(GEOMETRY.place(Z), torch.arange(30), torch.empty(3, 30, dtype=torch.float64))
    torch.testing.assert_close(roots, (_exponents() / TENTHS).exp())
    torch.testing.assert_close(largest, _exponents().amax(1))
    assert (roots[torch.arange(3), ROWS] == 0).all()


def test_an_anchor_with_nothing_to_measure_against_has_no_shift() -> None:
    alone = gaussian(1, 4, dtype=torch.float64)
    assert Anchors.of(torch.tensor([0]), alone, Geometry.of(alone, 1.0)).shift_L.tolist() == [0]


def test_exponents_that_may_overflow_a_sum_are_beyond_reach() -> None:
    assert beyond_reach(torch.tensor([0.0, 60.0, 61.0])).tolist() == [0, 60, torch.inf]


def test_more_terms_and_a_smaller_type_lose_more() -> None:
    assert log_loss(10, torch.float32) < log_loss(100, torch.float32)
    assert log_loss(10, torch.float64) < log_loss(10, torch.float32)
