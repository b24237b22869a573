import pytest
import torch

from lds_mlflow.errors import DataError
from lds_mlflow.latent import draw_candidates, score_candidates, score_directly
from lds_mlflow.latent.scoring import scorers
from lds_mlflow.values import Candidates, Scores
from tests.unit.latent.conftest import every_interpolant, gaussian, oracle


@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize("interpolation", ["linear", "slerp"])
def test_the_chosen_exact_scorer_scores_as_the_direct_one(interpolation: str, leave_out: bool) -> None:
    z = gaussian(40, 6)
    some = draw_candidates(z, 100, generator=torch.Generator().manual_seed(0), interpolation=interpolation)
    found, direct = (
        score(some, z, sigma=0.8, leave_endpoints_out=leave_out) for score in (score_candidates, score_directly)
    )
    torch.testing.assert_close(found.log_lds_M, direct.log_lds_M, rtol=0, atol=1e-5)
    assert found.endpoints_left_out is leave_out


def test_direct_scores_are_those_of_the_definition() -> None:
    z = gaussian(12, 3)
    everything = every_interpolant(z)
    found = score_directly(everything, z, sigma=0.9, leave_endpoints_out=True).log_lds_M
    torch.testing.assert_close(found, oracle(everything, z, 0.9, leave_endpoints_out=True), rtol=0, atol=1e-5)


def test_pairs_with_all_alphas_in_many_dimensions_are_factored_and_lone_candidates_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen: list[str] = []

    def factored(candidates: Candidates, z_ND: torch.Tensor, *, sigma: float, leave_endpoints_out: bool) -> Scores:
        chosen.append("factored")
        return score_directly(candidates, z_ND, sigma=sigma, leave_endpoints_out=leave_endpoints_out)

    monkeypatch.setattr(scorers, "score_factored", factored)
    wide, narrow = gaussian(10, 100), gaussian(500, 2)
    score_candidates(every_interpolant(wide), wide, sigma=5.0)
    assert chosen == ["factored"]
    score_candidates(draw_candidates(narrow, 20, generator=torch.Generator().manual_seed(0)), narrow, sigma=0.5)
    assert chosen == ["factored"]


def test_no_candidates_have_no_scores() -> None:
    none = Candidates(torch.zeros(0, 3), torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0))
    assert len(score_candidates(none, gaussian(5, 3), sigma=1.0).log_lds_M) == 0


def test_endpoints_that_are_all_there_is_can_not_be_left_out() -> None:
    z = gaussian(2, 3)
    with pytest.raises(DataError, match="the training latents"):
        score_candidates(every_interpolant(z), z, sigma=1.0, leave_endpoints_out=True)
