from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lds_mlflow import latent, metrics
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.machine.arrays import taking_arrays, tensor_of

Z = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
OTHER = Z.roll(1, 0) + 0.1
SCORES = torch.randn(30, generator=torch.Generator().manual_seed(1)).double()
LABELS = torch.arange(40) % 3


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


FUNCTIONS: dict[str, Any] = {
    "bandwidth": lambda z: latent.bandwidth(z, "scott").sigma,
    "effective_neighbours": lambda z: latent.effective_neighbours(z, 1.0),
    "latent_space": lambda z: latent.latent_space(z, "whitened").map(z).sum().item(),
    "draw_candidates": lambda z: latent.draw_candidates(z, 20, generator=_seeded()).z_MD.sum().item(),
    "nearest_latents": lambda z: latent.nearest_latents(z, 2).sum().item(),
    "log_density": lambda z: latent.log_density(z, z, sigma=1.0).sum().item(),
    "leave_one_out_log_density": lambda z: latent.leave_one_out_log_density(z, sigma=1.0).sum().item(),
    "score_exhaustively": lambda z: latent.score_exhaustively(z, 5, sigma=1.0).scores.log_lds_M.sum().item(),
    "score_candidates": lambda z: (
        latent.score_candidates(latent.draw_candidates(Z, 20, generator=_seeded()), z, sigma=1.0).log_lds_M.sum().item()
    ),
    "frechet_distance": lambda z: metrics.frechet_distance(z, OTHER),
    "frechet_estimate": lambda z: metrics.frechet_estimate(z, OTHER).value,
    "kernel_distance": lambda z: metrics.kernel_distance(z, OTHER).value,
    "density_and_coverage": lambda z: metrics.density_and_coverage(z, OTHER).coverage,
    "precision_and_recall": lambda z: metrics.precision_and_recall(OTHER, z).recall,
    "neighbour_estimates": lambda z: metrics.neighbour_estimates(z, OTHER)["density"].value,
    "memorization": lambda z: metrics.memorization(z, OTHER, OTHER).figures["nearest_ratio"],
    "vendi_score": lambda z: metrics.vendi_score(z).value,
}
ONE_AXIS: dict[str, Any] = {
    "select": lambda x: latent.select(x, latent.TopFraction(0.5), generator=_seeded()).index_A.sum().item(),
    "feasible_tau": lambda x: latent.feasible_tau(x, 0.2)[0],
    "modes": lambda x: latent.modes(x).valley,
    "conformal": lambda x: latent.select(SCORES, latent.ConformalThreshold(0.5, x), generator=_seeded()).funnel[
        "passing"
    ],
    "quality_by_decile": lambda x: metrics.quality_by_decile(x, SCORES).rank_correlation,
}
FORMS: dict[str, Any] = {
    "numpy": lambda x: x.numpy(),
    "numpy, read-only": lambda x: np.broadcast_to(x.numpy(), x.shape),
    "numpy, backwards": lambda x: x.flip(0).numpy()[::-1],
    "numpy, foreign byte order": lambda x: x.numpy().astype(x.numpy().dtype.newbyteorder(">")),
    "that needs a gradient": lambda x: x.clone().requires_grad_(),
    "in float64": lambda x: x.double(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*FUNCTIONS, *ONE_AXIS])
def test_every_form_of_an_array_gives_what_the_tensor_gives(name: str, form: str) -> None:
    function, x = (FUNCTIONS[name], Z) if name in FUNCTIONS else (ONE_AXIS[name], SCORES)
    assert function(FORMS[form](x)) == pytest.approx(function(x), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32])
@pytest.mark.parametrize("name", [*FUNCTIONS, *ONE_AXIS])
def test_half_precision_and_integers_are_taken_as_the_numbers_they_are(name: str, dtype: torch.dtype) -> None:
    function, x = (FUNCTIONS[name], Z) if name in FUNCTIONS else (ONE_AXIS[name], SCORES)
    rounded = (4 * x).to(dtype)
    assert function(rounded) == pytest.approx(function(rounded.to(torch.float64)), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [Z[0], Z[None], Z.to(torch.complex64), Z.tolist(), np.array(["a"]), np.array(None), "z", 3.5, np.float64(1)],
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_table_of_numbers_is_refused_in_a_sentence(name: str, wrong: Any) -> None:
    with pytest.raises(DataError, match="expected a tensor or numpy array of floating-point numbers, "):
        FUNCTIONS[name](wrong)


@pytest.mark.parametrize("name", ONE_AXIS)
def test_what_is_no_row_of_numbers_is_refused_in_a_sentence(name: str) -> None:
    for wrong in (Z, SCORES[0], SCORES.tolist(), SCORES.to(torch.complex64)):
        with pytest.raises(DataError, match="expected a tensor or numpy array of"):
            ONE_AXIS[name](wrong)


def test_labels_are_integers_of_any_width() -> None:
    shares = metrics.class_shares(LABELS, 3)
    forms: tuple[Any, ...] = (LABELS.numpy(), LABELS.int(), LABELS.to(torch.uint8), LABELS.numpy().astype(np.int16))
    for labels in forms:
        assert torch.equal(metrics.class_shares(labels, 3), shares)
    with pytest.raises(DataError, match=r"labels_N: found numbers of the type torch.float32; expected .* integers"):
        metrics.class_shares(LABELS.float(), 3)


def test_no_scores_at_all_are_an_answer_or_a_sentence() -> None:
    none = torch.empty(0, dtype=torch.float64)
    assert latent.modes(none).n == 1
    with pytest.raises(DataError, match="Score candidates first"):
        latent.feasible_tau(none, 0.2)


def test_more_neighbours_than_other_latents_are_refused() -> None:
    with pytest.raises(ConfigError, match="at most 39"):
        latent.nearest_latents(Z, 40)


def test_a_tensor_that_fits_is_passed_on_as_it_is() -> None:
    assert tensor_of(Z, "z_ND", "ND").data_ptr() == Z.data_ptr()


def test_arguments_without_a_shape_in_their_name_are_passed_on_as_they_are() -> None:
    @taking_arrays
    def shown(z_ND: Tensor, rule: object, *, left_out_MK: Tensor | None = None) -> tuple[object, Tensor | None]:
        return rule, left_out_MK

    rule = object()
    assert shown(Z, rule) == (rule, None)
    _, left_out = shown(z_ND=Z, rule=rule, left_out_MK=LABELS[:, None].int())
    assert left_out is not None
    assert left_out.dtype == torch.int64


def test_a_figure_of_ones_own_has_an_interval() -> None:
    values = SCORES - SCORES.mean()
    found = metrics.intervals_of({"mine": metrics.Estimate(1.0, values, values)}, replicates=100, seed=0)
    low, high = found["mine"]
    assert low < 1 < high
