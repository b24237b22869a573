import pytest
import torch

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.latent import bandwidth, interpolate, latent_space, score_directly
from lds_mlflow.recipes import wanted_of
from tests.unit.latent.conftest import gaussian
from tests.unit.recipes.conftest import scored


@pytest.mark.parametrize("space", ["raw", "centred", "whitened"])
@pytest.mark.parametrize("candidates", ["sampled", "exhaustive"])
@pytest.mark.parametrize("interpolation", ["linear", "slerp"])
def test_density_is_measured_in_the_space_and_candidates_are_made_in_the_latents(
    space: str, candidates: str, interpolation: str
) -> None:
    if candidates == "exhaustive" and interpolation != "linear":
        pytest.skip("exhaustive candidates are linear")
    z = gaussian(80, 6)
    _, found = scored(latent_space=space, candidates=candidates, interpolation=interpolation)
    mapped = latent_space(z, space).map(z)
    assert found.bandwidth == bandwidth(mapped, "norm/5")
    everything = found.in_space(torch.arange(len(found.candidates.alpha_M)))
    exact = score_directly(everything, mapped, sigma=found.bandwidth.sigma)
    torch.testing.assert_close(found.scores.log_lds_M, exact.log_lds_M, rtol=0, atol=1e-5)
    first, second = (z[parents] for parents in found.candidates.parents_M2.T)
    expected = interpolate(first, second, found.candidates.alpha_M, interpolation, centre_D=z.mean(0))
    torch.testing.assert_close(found.candidates.z_MD, expected)


def test_exhaustive_candidates_are_at_least_as_dense_as_sampled_ones() -> None:
    sampled, best = (scored(candidates=kind)[1].scores.log_lds_M for kind in ("sampled", "exhaustive"))
    assert (best >= sampled.sort(descending=True).values - 1e-5).all()


@pytest.mark.parametrize("scorer", ["subsample", "neighbours"])
def test_an_approximate_scorer_comes_with_a_certificate(scorer: str) -> None:
    pytest.importorskip("faiss")
    _, found = scored(scorer=scorer)
    assert found.certificate is not None
    assert 0 < found.certificate.overlap <= 1
    assert scored()[1].certificate is None


def test_only_exhaustive_scores_come_with_a_census() -> None:
    _, found = scored(candidates="exhaustive")
    assert found.census is not None
    assert found.census.n == 9 * 80 * 79 // 2
    assert scored()[1].census is None


def test_more_candidates_are_drawn_where_a_second_filter_follows() -> None:
    assert len(scored(sharpest_fraction=0.5)[1].candidates.alpha_M) == 400


def test_a_is_wanted_as_large_as_its_share_of_the_training_latents_rounded_up() -> None:
    assert wanted_of(parse(AugmentConfig, {"augmentation_ratio": 0.5}), 41) == 21
