import pytest
import torch

from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.samplers import (
    aggregate_gaussian,
    dense_interpolants,
    draw_latents,
    latent_density,
    standard_normal,
)
from lds_mlflow.samplers.classes import (
    of_class,
    require_classes,
    require_sampler_of_classes,
    require_sampler_of_shares,
    with_class_shares,
    with_classes,
)
from lds_mlflow.values import LatentDistribution, class_sizes
from tests.unit.latent.conftest import gaussian

CENTRES = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
LABELS = torch.tensor([0] * 60 + [1] * 12 + [2] * 5)
NAMES = ("many", "some", "few", "none")
Z = CENTRES[LABELS] + gaussian(77, 2)
CLASSED: dict[str, LatentDistribution] = {
    **{kernel: latent_density(Z, sigma="0.5", kernel=kernel) for kernel in KERNELS},
    "interpolants": dense_interpolants(Z, sigma="0.5"),
}
CLASSED = {name: with_classes(one, LABELS, NAMES) for name, one in CLASSED.items()}


def _shares(distribution: LatentDistribution, n: int = 1500) -> list[float]:
    z = draw_latents(distribution, list(range(n)))
    shares: list[float] = (torch.cdist(z, CENTRES).argmin(1).bincount(minlength=3) / n).tolist()
    return shares


@pytest.mark.parametrize("name", CLASSED)
@pytest.mark.parametrize("label", ["many", "some", "few"])
def test_samples_of_a_class_lie_around_latents_of_that_class(name: str, label: str) -> None:
    z = draw_latents(of_class(CLASSED[name], label, "label"), list(range(100)))
    nearest = torch.cdist(z, Z).min(1)
    assert {NAMES[k] for k in LABELS[nearest.indices].tolist()} == {label}
    assert nearest.values.max().item() < 8


def test_neighbours_are_of_the_class_too_where_classes_lie_among_one_another() -> None:
    mixed, labels = gaussian(60, 2), torch.arange(60) % 2
    for whole in (dense_interpolants(mixed, sigma="0.5"), latent_density(mixed, sigma="0.5", kernel="neighbours")):
        one = of_class(with_classes(whole, labels, ("even", "odd")), "odd", "label")
        own = one.tensors["latents" if whole.sampler == "interpolants" else "means"]
        assert torch.equal(own, mixed[1::2])
        k = whole.tensors["neighbours"].shape[1]
        wanted = torch.cdist(own.double(), own.double()).argsort(1)[:, 1 : k + 1]
        assert torch.equal(one.tensors["neighbours"], wanted)


def test_the_bandwidth_stays_that_of_the_whole_set() -> None:
    for kernel, width in {"isotropic": "scales", "covariance": "factors", "neighbours": "multiple"}.items():
        one = of_class(CLASSED[kernel], "some", "label")
        assert torch.equal(one.tensors[width], CLASSED[kernel].tensors[width])
        assert one.settings == CLASSED[kernel].settings
    assert of_class(CLASSED["interpolants"], "some", "label").settings["sigma"] == 0.5


def test_a_distribution_of_a_class_says_so_and_has_no_classes_any_more() -> None:
    for whole in CLASSED.values():
        one = of_class(whole, "some", "label")
        assert one.name.endswith(", class some")
        assert (one.class_names_K, "labels" in one.tensors) == ((), False)


@pytest.mark.parametrize("name", KERNELS)
def test_classes_have_the_shares_that_are_asked_for(name: str) -> None:
    # 4 standard errors.
    equal = with_class_shares(with_classes(CLASSED[name], LABELS, NAMES[:3]), {}, "balance=equal")
    assert _shares(equal) == pytest.approx([1 / 3] * 3, abs=0.05)
    asked = with_class_shares(CLASSED[name], {"few": 0.9, "many": 0.1, "none": 0.0}, "balance=few:0.9,many:0.1")
    assert _shares(asked) == pytest.approx([0.1, 0, 0.9], abs=0.04)
    assert asked.name.endswith(", balance=few:0.9,many:0.1")


@pytest.mark.parametrize("name", CLASSED)
def test_truncation_is_about_the_mean_of_the_class(name: str) -> None:
    # Nearly all of the distance from the mean is taken away.
    z = draw_latents(of_class(CLASSED[name], "some", "label"), [1, 2, 3], truncation=1e-6)
    torch.testing.assert_close(z, Z[LABELS == 1].mean(0).expand(3, -1), rtol=0, atol=1e-3)


def test_truncation_is_about_the_mean_by_the_shares() -> None:
    shares = {"few": 0.75, "some": 0.25}
    z = draw_latents(with_class_shares(CLASSED["isotropic"], shares, "balance"), [1, 2, 3], truncation=1e-6)
    mean = 0.75 * Z[LABELS == 2].mean(0) + 0.25 * Z[LABELS == 1].mean(0)
    torch.testing.assert_close(z, mean.expand(3, -1), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", CLASSED)
def test_the_classes_alone_change_no_draw(name: str) -> None:
    bare = latent_density(Z, sigma="0.5", kernel=name) if name in KERNELS else dense_interpolants(Z, sigma="0.5")
    assert torch.equal(draw_latents(CLASSED[name], [1, 2, 3]), draw_latents(bare, [1, 2, 3]))


def test_a_class_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"label=other: found no class other; expected .*: many, some, few"):
        of_class(CLASSED["isotropic"], "other", "label=other")
    with pytest.raises(ConfigError, match="no class nobody"):
        with_class_shares(CLASSED["covariance"], {"nobody": 0.5, "many": 0.5}, "balance")


def test_a_class_of_fewer_than_five_is_refused_with_its_number() -> None:
    with pytest.raises(DataError, match="0 of none; expected at least 5"):
        of_class(CLASSED["isotropic"], "none", "label=none")
    with pytest.raises(DataError, match="0 of none"):
        with_class_shares(CLASSED["isotropic"], {}, "balance=equal")
    four = with_classes(latent_density(Z[:20], sigma="0.5"), (torch.arange(20) < 4).long(), ("many", "four"))
    with pytest.raises(DataError, match="4 of four"):
        of_class(four, "four", "label=four")


def test_latents_without_classes_have_none() -> None:
    bare = latent_density(Z, sigma="0.5")
    assert with_classes(bare, None, ()) is bare
    with pytest.raises(DataError, match="label=many: found training examples without classes"):
        of_class(bare, "many", "label=many")
    with pytest.raises(DataError, match="balance=equal: found training examples without classes"):
        with_class_shares(bare, {}, "balance=equal")


@pytest.mark.parametrize("fitted", [standard_normal(2), aggregate_gaussian(Z, None)], ids=lambda one: one.sampler)
def test_a_sampler_that_is_not_made_of_training_latents_has_no_classes(fitted: LatentDistribution) -> None:
    assert with_classes(fitted, LABELS, NAMES) is fitted
    with pytest.raises(ConfigError, match=f"the sampler {fitted.sampler}, .*; expected the sampler density or inter"):
        of_class(fitted, "many", "label=many")
    with pytest.raises(ConfigError, match="balance=equal: found the sampler"):
        with_class_shares(fitted, {}, "balance=equal")


def test_interpolants_have_no_shares_since_they_are_drawn_again_where_they_are_sparse() -> None:
    with pytest.raises(ConfigError, match=r"found the sampler interpolants, .*; expected the sampler density\."):
        with_class_shares(CLASSED["interpolants"], {}, "balance=equal")


def test_what_classes_need_can_be_asked_before_there_is_a_distribution() -> None:
    sizes = class_sizes(LABELS, NAMES)
    assert sizes == {"many": 60, "some": 12, "few": 5, "none": 0}
    assert class_sizes(None, ()) == {}
    require_classes(["few"], sizes, "label=few")
    require_sampler_of_classes("interpolants", "label=few")
    require_sampler_of_shares("density", "balance=equal")
    with pytest.raises(ConfigError, match="the sampler prior"):
        require_sampler_of_classes("prior", "label=few")
    with pytest.raises(ConfigError, match="the sampler interpolants"):
        require_sampler_of_shares("interpolants", "balance=equal")
