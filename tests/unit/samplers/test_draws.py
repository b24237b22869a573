from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import (
    aggregate_gaussian,
    aggregate_mixture,
    dense_interpolants,
    draw_latents,
    flow_matching,
    latent_density,
    noise_contrastive,
    polarity_sampling,
    standard_normal,
)
from lds_mlflow.samplers.classes import of_class, with_class_shares, with_classes
from lds_mlflow.store import load_value, save_value
from lds_mlflow.values import LatentDistribution
from tests.tiny import SPEC


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


CODEC = Codec(VAE.initialised(replace(SPEC, latent_dim=3), 0).eval())
Z, LOG_VARIANCE = 2 + _random(40, 3), 0.1 * _random(40, 3) - 2
SAMPLERS: dict[str, LatentDistribution] = {
    "prior": standard_normal(3),
    "gaussian": aggregate_gaussian(Z, LOG_VARIANCE),
    "mixture": aggregate_mixture(Z, LOG_VARIANCE, components=3),
    "density": latent_density(Z, sigma="0.3"),
    "interpolants": dense_interpolants(Z, sigma="0.5"),
    "flow": flow_matching(Z, LOG_VARIANCE, steps=20),
    "ncp": noise_contrastive(CODEC, Z, LOG_VARIANCE, steps=20),
    "polarity": polarity_sampling(CODEC, polarity=-0.5, proposals=40),
}
"""One of every kind: of latents around (2, 2, 2), or of a model whose latents are around 0."""

LABELS, NAMES = torch.arange(40) % 4, ("a", "b", "c", "d")
CLASSED = [with_classes(SAMPLERS[name], LABELS, NAMES) for name in ("density", "interpolants")]
CLASSED += [with_classes(latent_density(Z, sigma="0.3", kernel=kernel), LABELS, NAMES) for kernel in KERNELS]
BY_SEED = [
    *SAMPLERS.values(),
    *CLASSED,
    *(of_class(one, "b", "label=b") for one in CLASSED),
    *(
        with_class_shares(one, {"a": 0.2, "d": 0.8}, "balance=a:0.2,d:0.8")
        for one in CLASSED
        if one.sampler == "density"
    ),
]
"""Every kind, with every kernel, of all classes, of one of them, and with other shares."""


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_knows_its_name(name: str) -> None:
    assert SAMPLERS[name].sampler == name


@settings(max_examples=60, deadline=None)
@given(
    distribution=st.sampled_from(BY_SEED),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6),
    data=st.data(),
)
def test_a_seed_gives_its_latent_in_any_order_and_any_company(
    distribution: LatentDistribution, seeds: list[int], data: st.DataObject
) -> None:
    alone = {seed: draw_latents(distribution, [seed])[0] for seed in seeds}
    order = data.draw(st.permutations(seeds))
    for seed, z in zip(order, draw_latents(distribution, order), strict=True):
        assert torch.equal(z, alone[seed])


@pytest.mark.parametrize("distribution", BY_SEED, ids=lambda one: one.name)
def test_a_seed_gives_its_latent_in_the_company_of_hundreds(distribution: LatentDistribution) -> None:
    whole = draw_latents(distribution, list(range(200)))
    for seed in range(0, 200, 40):
        assert torch.equal(draw_latents(distribution, [seed])[0], whole[seed])


@pytest.mark.parametrize("name", SAMPLERS)
def test_seeds_give_different_latents_that_are_float32(name: str) -> None:
    z = draw_latents(SAMPLERS[name], list(range(50)))
    assert (len(z.unique(dim=0)), z.dtype) == (50, torch.float32)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_gives_its_latent_at_any_place_among_many(name: str) -> None:
    together = draw_latents(SAMPLERS[name], list(range(70)))
    assert torch.equal(together, torch.stack([draw_latents(SAMPLERS[name], [seed])[0] for seed in range(70)]))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_is_stored_and_draws_the_same_when_it_is_loaded(name: str, tmp_path: Path) -> None:
    save_value(SAMPLERS[name], tmp_path / "distribution")
    loaded = load_value(LatentDistribution, tmp_path / "distribution")
    assert torch.equal(draw_latents(loaded, [3, 4]), draw_latents(SAMPLERS[name], [3, 4]))


def test_latents_of_the_prior_are_standard_normal() -> None:
    z = draw_latents(standard_normal(8), list(range(2000)))
    # 5 standard errors of a mean and of a standard deviation over 16,000 draws.
    assert abs(z.mean().item()) < 0.04
    assert abs(z.std().item() - 1) < 0.03


def test_neighbouring_seeds_are_unrelated() -> None:
    z = draw_latents(standard_normal(8), list(range(2000)))
    correlation = (z[:-1] * z[1:]).mean().item()
    assert abs(correlation) < 0.04


def test_a_gaussian_has_the_moments_of_the_aggregate_posterior() -> None:
    z = draw_latents(SAMPLERS["gaussian"], list(range(4000)))
    covariance = Z.T.cov(correction=0) + torch.diag(LOG_VARIANCE.exp().mean(0))
    torch.testing.assert_close(z.mean(0), Z.mean(0), rtol=0, atol=0.1)
    torch.testing.assert_close(z.T.cov(), covariance, rtol=0, atol=0.15)


def test_a_mixture_finds_the_clusters_and_their_shares() -> None:
    centres = torch.tensor([[-9.0, 0.0], [9.0, 0.0]]).repeat_interleave(torch.tensor([30, 10]), 0)
    fitted = aggregate_mixture(centres + 0.1 * _random(40, 2), torch.full((40, 2), -4.0), components=2)
    z = draw_latents(fitted, list(range(2000)))
    assert (z[:, 0] < 0).float().mean().item() == pytest.approx(0.75, abs=0.05)
    assert ((z[:, 0].abs() - 9).abs() < 2).all()


def test_a_mixture_of_long_latents_has_diagonal_covariances() -> None:
    z_ND = _random(30, 600) * torch.linspace(0.5, 2, 600)
    fitted = aggregate_mixture(z_ND, None, components=2)
    assert fitted.tensors["scales"].shape == (2, 600)
    assert "diagonal" in fitted.name
    z = draw_latents(fitted, list(range(400)))
    torch.testing.assert_close(z[:, -100:].std(), z_ND[:, -100:].std(), rtol=0.1, atol=0)
    assert z[:, :100].std() < 0.5 * z[:, -100:].std()


def test_the_latent_density_draws_a_training_latent_and_noise_of_its_bandwidth() -> None:
    far = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    z = draw_latents(latent_density(far, sigma="0.5"), list(range(3000)))
    nearest = torch.cdist(z, far).argmin(1)
    torch.testing.assert_close(nearest.bincount() / 3000, torch.full((3,), 1 / 3), rtol=0, atol=0.04)
    assert (z - far[nearest]).std().item() == pytest.approx(0.5, abs=0.03)


def test_interpolants_lie_between_neighbours_where_it_is_dense() -> None:
    crowd, alone = 0.1 * _random(30, 2), torch.tensor([[50.0, 50.0], [51.0, 50.0]])
    z = draw_latents(dense_interpolants(torch.cat([crowd, alone]), sigma="0.2"), list(range(200)))
    assert z.norm(dim=1).max().item() < 2


def test_truncation_draws_towards_the_mean_of_the_distribution() -> None:
    for name, distribution in SAMPLERS.items():
        whole, half = (draw_latents(distribution, [3, 4], truncation=t) for t in (1.0, 0.5))
        mean = Z.mean(0) if name not in ("prior", "polarity") else torch.zeros(3)
        if name not in ("mixture", "polarity"):
            torch.testing.assert_close(half, mean + 0.5 * (whole - mean), rtol=1e-4, atol=1e-4)
        assert (half - mean).norm() < (whole - mean).norm()


def test_drawing_leaves_the_global_randomness_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    for distribution in SAMPLERS.values():
        draw_latents(distribution, [1, 2])
    assert torch.equal(torch.rand(3), wanted)
