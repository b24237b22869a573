from math import log

import pytest
import torch
from torch.distributions import Independent, Normal

from lds_mlflow.choices.priors import PRIORS
from lds_mlflow.models import Posterior, log_posterior
from lds_mlflow.models.stylegan import VAE, ExemplarPrior, kl_divergence
from tests.tiny import SPEC

ROWS = torch.arange(3)


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def _images(n: int) -> torch.Tensor:
    return _random(n, 1, 8, 8).clamp(-1, 1)


def _posterior(n: int) -> Posterior:
    return Posterior(_random(n, 4), 0.3 * _random(n, 4) - 1)


def test_without_another_prior_the_term_is_the_closed_form() -> None:
    model, posterior = VAE.initialised(SPEC, 0), _posterior(3)
    torch.testing.assert_close(model.divergence(_random(3, 4), posterior, ROWS), kl_divergence(*posterior.moments))


def test_the_exemplar_prior_is_the_latent_density_without_the_image_itself() -> None:
    model = VAE.initialised(SPEC, 0).with_prior("exemplar", exemplars=6, pseudo_inputs=_images(1)).eval()
    assert isinstance(model.prior, ExemplarPrior)
    model.prior.exemplars.copy_(_random(6, 4))
    posterior, z = _posterior(3), _random(3, 4)
    scale = torch.exp(0.5 * model.prior.log_variance)
    for i, term in enumerate(model.divergence(z, posterior, ROWS)):
        others = torch.cat([model.prior.exemplars[:i], model.prior.exemplars[i + 1 :]])
        density = Independent(Normal(others, scale.expand(5, 4)), 1).log_prob(z[i]).logsumexp(0) - log(5)
        mean, log_variance = posterior.moments
        own = Independent(Normal(mean[i], torch.exp(0.5 * log_variance[i])), 1).log_prob(z[i])
        torch.testing.assert_close(term, own - density, rtol=1e-4, atol=1e-4)


def test_an_exemplar_is_the_mean_that_was_kept_for_its_image() -> None:
    model = VAE.initialised(SPEC, 0).with_prior("exemplar", exemplars=6, pseudo_inputs=_images(1))
    assert isinstance(model.prior, ExemplarPrior)
    means, before = _random(3, 4), model.prior.exemplars.clone()
    model.divergence(_random(3, 4), _posterior(3), ROWS)
    assert torch.equal(model.prior.exemplars, before)
    model.prior.keep(torch.tensor([4, 0, 9]), means)
    assert torch.equal(model.prior.exemplars[[4, 0]], means[:2])
    assert torch.equal(model.prior.exemplars[[1, 2, 3, 5]], before[[1, 2, 3, 5]])


def test_rows_beyond_the_exemplars_change_none_and_exemplars_stay_where_they_are() -> None:
    prior = ExemplarPrior(3, 2)
    prior.exemplars.copy_(_random(3, 2))
    place, before = prior.exemplars.data_ptr(), prior.exemplars.clone()
    prior.keep(torch.tensor([3, 4, 9, 9]), _random(4, 2))
    assert torch.equal(prior.exemplars, before)
    mean = _random(1, 2)
    prior.keep(torch.tensor([2, 7, 2]), torch.cat([mean, 1 + mean, mean]))
    assert torch.equal(prior.exemplars, torch.cat([before[:2], mean]))
    assert prior.exemplars.data_ptr() == place


def test_a_mean_that_is_not_finite_is_no_exemplar() -> None:
    prior = ExemplarPrior(3, 2)
    prior.exemplars.copy_(_random(3, 2))
    before, mean = prior.exemplars.clone(), _random(1, 2)
    prior.keep(torch.tensor([1, 2]), torch.cat([torch.full((1, 2), torch.nan), mean]))
    assert torch.equal(prior.exemplars, torch.cat([before[:2], mean]))


def test_the_bandwidth_of_the_exemplar_prior_is_learned() -> None:
    model = VAE.initialised(SPEC, 0).with_prior("exemplar", exemplars=6, pseudo_inputs=_images(1))
    assert isinstance(model.prior, ExemplarPrior)
    model.divergence(_random(3, 4), _posterior(3), ROWS).sum().backward()
    assert model.prior.log_variance.grad is not None
    assert model.prior.log_variance.grad.abs().item() > 0


def test_the_vamp_prior_is_a_mixture_of_the_posteriors_of_its_pseudo_inputs() -> None:
    images = _images(2)
    model = VAE.initialised(SPEC, 0).with_prior("vamp", exemplars=6, pseudo_inputs=images)
    mixture = model.prior_mixture()
    assert mixture is not None
    torch.testing.assert_close(mixture.mean_KD, model.encode(images).mean)
    posterior, z = _posterior(3), _random(3, 4)
    wanted = log_posterior(z, *posterior.moments) - mixture.log_density(z)
    torch.testing.assert_close(model.divergence(z, posterior, ROWS), wanted)
    wanted.sum().backward()
    assert model.state_dict(keep_vars=True)["prior.pseudo_inputs"].grad is not None


@pytest.mark.parametrize("kind", PRIORS)
def test_another_prior_leaves_the_rest_of_the_model_as_it_is_and_comes_back_from_its_weights(kind: str) -> None:
    model = VAE.initialised(SPEC, 0)
    other = model.with_prior(kind, exemplars=6, pseudo_inputs=_images(6))
    assert other.spec.components == (0 if kind == "gaussian" else 6)
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    again = VAE.from_weights(other.to_weights())
    assert again.spec == other.spec
    assert again.state_dict().keys() == other.state_dict().keys()
