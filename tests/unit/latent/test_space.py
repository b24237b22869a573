import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lds_mlflow.choices.spaces import SPACES
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent.candidates import draw_candidates
from lds_mlflow.latent.space import latent_space
from tests.unit.latent.conftest import gaussian

SCALES = torch.tensor([3.0, 1.0, 0.5, 0.001])


def test_raw_is_the_latents_themselves() -> None:
    z = gaussian(20, 4)
    assert latent_space(z, "raw").map(z) is z


def test_centred_has_the_mean_for_its_origin() -> None:
    z = gaussian(200, 4, dtype=torch.float64) + 7
    centred = latent_space(z, "centred").map(z)
    torch.testing.assert_close(centred.mean(0), torch.zeros(4).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.pdist(centred), torch.pdist(z))


def test_whitened_has_the_identity_for_its_covariance() -> None:
    z = gaussian(500, 3, dtype=torch.float64) @ gaussian(3, 3, seed=1, dtype=torch.float64) + 5
    whitened = latent_space(z, "whitened").map(z)
    identity = torch.eye(whitened.shape[1], dtype=torch.float64)
    torch.testing.assert_close(torch.cov(whitened.T, correction=0), identity, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("kind", "drop", "left"), [("raw", True, 3), ("centred", True, 3), ("raw", False, 4)])
def test_inactive_dimensions_are_dropped_where_that_is_asked(kind: str, drop: bool, left: int) -> None:
    z = gaussian(300, 4) * SCALES
    space = latent_space(z, kind, drop_inactive=drop)
    assert space.n_dimensions == space.map(z).shape[1] == left


def test_whitening_always_drops_them_whatever_way_they_lie() -> None:
    rotation = torch.linalg.qr(gaussian(4, 4, seed=2)).Q
    z = gaussian(300, 4) * SCALES @ rotation
    assert latent_space(z, "whitened").n_dimensions == 3


@pytest.mark.parametrize("n", [300, 20])
def test_principal_axes_are_as_many_as_have_a_share_of_the_variance(n: int) -> None:
    rotation = torch.linalg.qr(gaussian(40, 40, seed=2, dtype=torch.float64)).Q
    z = gaussian(n, 40, dtype=torch.float64) * torch.tensor([9.0, 6.0, 3.0, *[0.1] * 37]) @ rotation + 5
    for explained, left in ((0.5, 1), (0.9, 2), (0.97, 3)):
        space = latent_space(z, "pca", explained=explained)
        assert space.n_dimensions == left
        assert f"along {left} of 40 axes" in space.note
    mapped = space.map(z)
    torch.testing.assert_close(space.axes_DE.T @ space.axes_DE, torch.eye(3, dtype=torch.float64))
    share = torch.pdist(mapped).square().sum() / torch.pdist(z).square().sum()
    assert 0.97 < share < 1


def test_principal_axes_with_all_of_the_variance_keep_every_distance() -> None:
    z = gaussian(10, 30, dtype=torch.float64)
    mapped = latent_space(z, "pca", explained=1 - 1e-15).map(z)
    assert mapped.shape == (10, 9)
    torch.testing.assert_close(torch.pdist(mapped), torch.pdist(z))


@settings(max_examples=20, deadline=None)
@given(kind=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 2**31), drop=st.booleans())
def test_the_map_of_a_linear_interpolant_is_the_interpolant_of_the_maps(kind: str, seed: int, drop: bool) -> None:
    z = gaussian(30, 5, seed, torch.float64)
    space = latent_space(z, kind, drop_inactive=drop)
    candidates = draw_candidates(z, 20, generator=torch.Generator().manual_seed(0))
    first, second = (space.map(z)[parents] for parents in candidates.parents_M2.T)
    expected = torch.lerp(first, second, (10 * candidates.alpha_M.double()).round()[:, None] / 10)
    torch.testing.assert_close(space.map(candidates.z_MD), expected)


@pytest.mark.parametrize("kind", SPACES)
def test_a_float32_latent_stays_one(kind: str) -> None:
    z = gaussian(20, 4)
    assert latent_space(z, kind).map(z).dtype == torch.float32


def test_any_other_space_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="raw, centred, whitened"):
        latent_space(gaussian(5, 2), "polar")


@pytest.mark.parametrize(("kind", "drop"), [("whitened", False), ("raw", True), ("pca", False)])
def test_latents_that_are_all_alike_have_no_active_dimension(kind: str, drop: bool) -> None:
    with pytest.raises(DataError, match="all alike"):
        latent_space(torch.ones(5, 2), kind, drop_inactive=drop)


@pytest.mark.parametrize("kind", SPACES)
def test_a_latent_that_is_not_finite_is_named(kind: str) -> None:
    z = gaussian(5, 2)
    z[3, 0] = torch.nan
    with pytest.raises(DataError) as caught:
        latent_space(z, kind)
    assert caught.value.what == "training latent 3"
