import pytest
import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.models import Codec, Mixture
from lds_mlflow.samplers import draw_latents, polarity_sampling
from lds_mlflow.samplers.polarity import log_volumes
from tests.unit.latent.conftest import gaussian
from tests.vectors import LinearAutoencoder


class Exponential(LinearAutoencoder):
    """Decodes every coordinate to its exponential: the singular values of the Jacobian are exp(z)."""

    def decode(self, z: Tensor) -> Tensor:
        return z.exp()


class WithPrior(LinearAutoencoder):
    def prior_mixture(self) -> Mixture:
        return Mixture(torch.tensor([[10.0, 0.0], [-10.0, 0.0]]), torch.full((2, 2), -2.0))


def _linear(basis_PD: Tensor) -> Codec:
    return Codec(LinearAutoencoder(torch.zeros(len(basis_PD)), basis_PD))


def _exponential(dim: int) -> Codec:
    return Codec(Exponential(torch.zeros(dim), torch.eye(dim)))


def test_the_volume_of_a_linear_decoder_is_the_product_of_its_eight_largest_singular_values_everywhere() -> None:
    basis = gaussian(30, 10)
    wanted = torch.linalg.svdvals(basis.double())[:8].log().sum()
    torch.testing.assert_close(log_volumes(_linear(basis), gaussian(5, 10)), wanted.expand(5), rtol=0, atol=0.01)


def test_the_volume_of_a_curved_decoder_is_that_of_its_jacobian_at_the_latent() -> None:
    z_SD = gaussian(20, 3)
    torch.testing.assert_close(log_volumes(_exponential(3), z_SD), z_SD.double().sum(1), rtol=0, atol=0.03)


def test_many_coordinates_are_measured_along_random_orthogonal_directions() -> None:
    twice_orthogonal = 2 * torch.linalg.qr(gaussian(50, 40)).Q
    volumes = log_volumes(_linear(twice_orthogonal), gaussian(3, 40))
    torch.testing.assert_close(volumes, (8 * torch.tensor(2.0).double().log()).expand(3), rtol=0, atol=0.02)


def test_a_linear_decoder_leaves_every_proposal_its_weight() -> None:
    fitted = polarity_sampling(_linear(gaussian(9, 4)), polarity=-3.0, proposals=50)
    torch.testing.assert_close(fitted.tensors["cumulative"].diff(), torch.full((49,), 0.02).double(), rtol=0.05, atol=0)
    assert "polarity -3, 50 effective proposals" in fitted.name


@pytest.mark.parametrize("polarity", [-0.6, 0.0, 0.6])
def test_a_negative_polarity_prefers_small_volumes_and_a_positive_one_large_ones(polarity: float) -> None:
    z = draw_latents(polarity_sampling(_exponential(2), polarity=polarity), list(range(3000)))
    # N(0, 1) times exp(polarity z) is N(polarity, 1); the move multiplies the shift by sqrt(1 - 0.5^2).
    assert z.mean(0).tolist() == pytest.approx([0.866 * polarity] * 2, abs=0.12)
    assert z.std(0).tolist() == pytest.approx([1, 1], abs=0.15)


def test_proposals_are_of_the_models_own_prior() -> None:
    fitted = polarity_sampling(Codec(WithPrior(torch.zeros(2), torch.eye(2))), polarity=0.0, proposals=200)
    z = draw_latents(fitted, list(range(400)))
    assert (z[:, 0] > 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert z[z[:, 0] > 0].std(0).tolist() == pytest.approx([0.37, 0.37], abs=0.1)


def test_a_decoder_that_gives_no_finite_numbers_is_refused() -> None:
    with pytest.raises(DataError, match="the decoder's change"):
        polarity_sampling(_linear(torch.full((3, 2), torch.nan)), polarity=-0.5, proposals=4)


def test_a_decoder_that_ignores_its_latents_gives_the_prior() -> None:
    assert "4 effective" in polarity_sampling(_linear(torch.zeros(3, 2)), polarity=-10.0, proposals=4).name
