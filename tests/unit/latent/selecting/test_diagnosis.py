import pytest
import torch

from lds_mlflow.latent import diagnose, draw_candidates, score_candidates, select
from lds_mlflow.latent.selecting.rules import RandomFraction, TopFraction
from lds_mlflow.values import Candidates
from tests.unit.latent.conftest import gaussian, norm_fifth


def _kept(z: torch.Tensor, *, leave_out: bool, n: int = 2_000) -> Candidates:
    candidates = draw_candidates(z, n, generator=torch.Generator().manual_seed(0))
    scores = score_candidates(candidates, z, sigma=norm_fifth(z), leave_endpoints_out=leave_out)
    return candidates.take(select(scores.log_lds_M, TopFraction(0.2), generator=torch.Generator()).index_A)


def test_in_many_dimensions_the_draft_s_rule_is_found_to_keep_near_copies() -> None:
    z = gaussian(500, 64)
    found = diagnose(_kept(z, leave_out=False), z, sigma=norm_fifth(z))
    assert found.figures["score_from_own_parents"] > 0.99
    assert found.figures["share_next_to_a_parent"] > 0.95
    assert any(warning.startswith("Near-copies: 100%") for warning in found.warnings)


def test_without_the_endpoints_it_is_found_to_contract() -> None:
    z = gaussian(500, 64)
    found = diagnose(_kept(z, leave_out=True), z, sigma=norm_fifth(z))
    assert found.figures["share_next_to_a_parent"] < 0.1
    assert found.figures["variance_ratio"] < 0.5
    assert found.figures["norm_ratio"] < 0.75
    assert found.figures["log_det_difference"] < -40
    assert any(warning.startswith("Contraction") for warning in found.warnings)


def test_the_training_latents_themselves_are_found_to_be_neither() -> None:
    z = gaussian(300, 5)
    own = torch.arange(300)
    kept = Candidates(z, torch.stack([own, own.roll(1)], 1), torch.full((300,), 0.5))
    figures = diagnose(kept, z, sigma=norm_fifth(z)).figures
    for name in ("norm_ratio", "centred_norm_ratio", "variance_ratio"):
        assert figures[f"{name}"] == pytest.approx(1)
    assert figures["log_det_difference"] == pytest.approx(0, abs=1e-9)


def test_the_parents_share_of_the_score_is_one_minus_that_of_the_others() -> None:
    z = torch.tensor([[0.0], [1.0], [3.0]])
    kept = Candidates(torch.tensor([[0.5]]), torch.tensor([[0, 1]]), torch.tensor([0.5]))
    parents, other = 2 * torch.exp(torch.tensor(-0.125)), torch.exp(torch.tensor(-(2.5**2) / 2))
    found = diagnose(kept, z, sigma=1.0).figures["score_from_own_parents"]
    assert found == pytest.approx((parents / (parents + other)).item(), rel=1e-5)


def test_fewer_candidates_than_directions_have_no_determinant() -> None:
    z = gaussian(100, 20)
    kept = draw_candidates(z, 15, generator=torch.Generator().manual_seed(0))
    assert "log_det_difference" not in diagnose(kept, z, sigma=1.0).figures


def test_class_shares_are_set_beside_the_training_shares_and_skew_is_warned_of() -> None:
    z = gaussian(100, 3)
    labels = torch.arange(100) % 2
    own = torch.zeros(40, dtype=torch.int64)
    kept = Candidates(z[:40], torch.stack([own, own + 1], 1), torch.full((40,), 0.2))
    found = diagnose(kept, z, sigma=1.0, labels_N=labels, class_names_K=("cat", "dog"))
    assert found.class_shares == {"cat": (1.0, 0.5), "dog": (0.0, 0.5)}
    assert found.figures["class_share_gap"] == 0.5
    assert any("Class skew: 100% of A is cat" in warning for warning in found.warnings)
    assert found.figures["most_uses_of_a_parent"] == 40
    assert any("a parent of 40 of the 40" in warning for warning in found.warnings)


def test_without_labels_there_are_no_class_shares() -> None:
    z = gaussian(50, 3)
    kept = draw_candidates(z, 10, generator=torch.Generator().manual_seed(0))
    assert diagnose(kept, z, sigma=1.0).class_shares == {}


def test_a_random_selection_in_few_dimensions_is_not_warned_of_near_copies() -> None:
    z = gaussian(400, 2)
    candidates = draw_candidates(z, 400, generator=torch.Generator().manual_seed(0))
    chosen = select(torch.zeros(400).double(), RandomFraction(0.5), generator=torch.Generator().manual_seed(0))
    assert not any("Near-copies" in text for text in diagnose(candidates.take(chosen.index_A), z, sigma=1.0).warnings)


def test_two_latents_and_one_dimension_are_diagnosed() -> None:
    z = torch.tensor([[0.0], [1.0]])
    kept = draw_candidates(z, 6, generator=torch.Generator().manual_seed(0))
    figures = diagnose(kept, z, sigma=1.0).figures
    assert "score_from_own_parents" not in figures
    assert figures["variance_ratio"] < 1
