from typing import Any

import pytest
import torch

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.errors import DataError
from lds_mlflow.latent import bandwidth, interpolate, latent_space, score_directly, select
from lds_mlflow.recipes import (
    RULES,
    Scored,
    control_latents,
    real_images,
    rule_of,
    score_as_configured,
    strata_as_configured,
    wanted_of,
)
from lds_mlflow.samplers import draw_latents, standard_normal
from lds_mlflow.values import ExampleSet, LatentSet
from tests.unit.latent.conftest import gaussian


def _images(n: int, labels: torch.Tensor | None) -> ExampleSet:
    pixels = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    return ExampleSet("tests", pixels, tuple(map(str, range(n))), labels, () if labels is None else ("a", "b"))


def _scored(n: int = 80, d: int = 6, **settings: Any) -> tuple[AugmentConfig, Scored]:
    config = parse(AugmentConfig, settings)
    z = gaussian(n, d)
    return config, score_as_configured(config, z, torch.Generator().manual_seed(config.augment_seed))


@pytest.mark.parametrize(
    ("selection", "candidates"),
    [*((rule, "sampled") for rule in RULES), ("top", "exhaustive"), ("power", "exhaustive")],
)
def test_every_rule_makes_a_set_of_the_wanted_size_at_most(selection: str, candidates: str) -> None:
    config, scored = _scored(
        selection=selection, candidates=candidates, tau=1e-3, mass=0.6, leave_endpoints_out=True, sigma_multiplier=2
    )
    rule = rule_of(config, scored, lambda: gaussian(40, 6, seed=1))
    found = select(
        scored.scores.log_lds_M,
        rule,
        generator=torch.Generator().manual_seed(0),
        candidates=scored.candidates,
        at_most=wanted_of(config, 80),
    )
    assert 0 < len(found.index_A) <= 40
    assert len(scored.candidates.alpha_M) == 200


@pytest.mark.parametrize("space", ["raw", "centred", "whitened"])
@pytest.mark.parametrize("candidates", ["sampled", "exhaustive"])
@pytest.mark.parametrize("interpolation", ["linear", "slerp"])
def test_density_is_measured_in_the_space_and_candidates_are_made_in_the_latents(
    space: str, candidates: str, interpolation: str
) -> None:
    if candidates == "exhaustive" and interpolation != "linear":
        pytest.skip("exhaustive candidates are linear")
    z = gaussian(80, 6)
    _, scored = _scored(latent_space=space, candidates=candidates, interpolation=interpolation)
    mapped = latent_space(z, space).map(z)
    assert scored.bandwidth == bandwidth(mapped, "norm/5")
    everything = scored.in_space(torch.arange(len(scored.candidates.alpha_M)))
    exact = score_directly(everything, mapped, sigma=scored.bandwidth.sigma)
    torch.testing.assert_close(scored.scores.log_lds_M, exact.log_lds_M, rtol=0, atol=1e-5)
    first, second = (z[parents] for parents in scored.candidates.parents_M2.T)
    expected = interpolate(first, second, scored.candidates.alpha_M, interpolation, centre_D=z.mean(0))
    torch.testing.assert_close(scored.candidates.z_MD, expected)


def test_exhaustive_candidates_are_at_least_as_dense_as_sampled_ones() -> None:
    sampled, best = (_scored(candidates=kind)[1].scores.log_lds_M for kind in ("sampled", "exhaustive"))
    assert (best >= sampled.sort(descending=True).values - 1e-5).all()


@pytest.mark.parametrize("scorer", ["subsample", "neighbours"])
def test_an_approximate_scorer_comes_with_a_certificate(scorer: str) -> None:
    pytest.importorskip("faiss")
    _, scored = _scored(scorer=scorer)
    assert scored.certificate is not None
    assert 0 < scored.certificate.overlap <= 1
    assert _scored()[1].certificate is None


def test_only_exhaustive_scores_come_with_a_census() -> None:
    _, scored = _scored(candidates="exhaustive")
    assert scored.census is not None
    assert scored.census.n == 9 * 80 * 79 // 2
    assert _scored()[1].census is None


def test_more_candidates_are_drawn_where_a_second_filter_follows() -> None:
    assert len(_scored(sharpest_fraction=0.5)[1].candidates.alpha_M) == 400


@pytest.mark.parametrize("kind", ["class", "cluster"])
def test_strata_are_classes_or_clusters(kind: str) -> None:
    config, scored = _scored(stratify=kind, clusters=3)
    strata = strata_as_configured(config, scored, _images(80, torch.arange(80) % 2))
    assert strata is not None
    assert len(strata.share_K) == (2 if kind == "class" else 3)
    assert strata.share_K.sum() == pytest.approx(1)
    assert strata_as_configured(_scored()[0], scored, _images(80, None)) is None


def test_strata_of_classes_without_classes_are_refused_with_the_remedy() -> None:
    config, scored = _scored(stratify="class")
    with pytest.raises(DataError, match="stratify=cluster"):
        strata_as_configured(config, scored, _images(80, None))


def test_more_clusters_than_latents_are_refused() -> None:
    config, scored = _scored(stratify="cluster", clusters=81)
    with pytest.raises(DataError, match="fewer clusters"):
        strata_as_configured(config, scored, _images(80, None))


def _control(source: str, **settings: Any) -> torch.Tensor:
    config = parse(AugmentConfig, {"source": source, **settings})
    z = gaussian(30, 4)
    return control_latents(config, LatentSet(z, torch.zeros_like(z), tuple(map(str, range(30)))), standard_normal(4))


def test_a_of_reconstructions_are_training_latents_none_twice_before_all_are_once() -> None:
    z = gaussian(30, 4)
    nearest = torch.cdist(_control("reconstructions"), z).min(1)
    assert nearest.values.max() == 0
    assert len(nearest.indices.unique()) == len(nearest.indices) == 15
    often = torch.cdist(_control("reconstructions", augmentation_ratio=2), z).argmin(1).bincount()
    assert often.tolist() == [2] * 30


def test_a_of_noise_lies_a_bandwidth_from_training_latents() -> None:
    z = gaussian(30, 4)
    distance = torch.cdist(_control("noise", sigma="0.001", augmentation_ratio=10), z).min(1).values
    # The mean of 300 distances of 4 dimensions, chi distributed, within 5 standard errors.
    assert distance.mean().item() == pytest.approx(0.00188, abs=0.0002)


def test_a_of_the_prior_has_no_latent_that_an_evaluation_draws() -> None:
    drawn = draw_latents(standard_normal(4), list(range(2000)))
    assert torch.cdist(_control("prior"), drawn).min() > 0


@pytest.mark.parametrize("source", ["prior", "reconstructions", "noise"])
def test_a_control_depends_on_its_seed_alone(source: str) -> None:
    first, again, other = (_control(source, augment_seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_real_images_are_those_kept_aside_as_many_as_wanted() -> None:
    config = parse(AugmentConfig, {"source": "real"})
    assert len(real_images(config, _images(30, None), 40).examples_A) == 20
    assert len(real_images(config, _images(10, None), 40).examples_A) == 10


def test_real_images_that_were_not_kept_aside_are_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match="reserve_fraction"):
        real_images(parse(AugmentConfig, {"source": "real"}), None, 40)
