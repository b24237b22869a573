from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lds_mlflow.training.discriminator_augmentation import N_CHANCES, AdaptiveAugment, DiffAugment, Unchanged

SIDE = 8


def _images(n: int = 4, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _chances(n: int, **places: float) -> Tensor:
    """Chances at which nothing is changed, but for those at some places, by the names that the changes have."""
    usual = torch.full((n, N_CHANCES), 0.5)
    for name, value in places.items():
        usual[:, PLACES[name]] = value
    return usual


PLACES = {"brightness": 0, "saturation": 1, "contrast": 2, "down": 3, "right": 4, "hole_down": 5, "hole_right": 6}
FAR = {"hole_down": -1.0, "hole_right": -1.0}
"""A hole that no image has."""

OF_ADA = {"mirrored": 0, "scale": 2, "down": 3, "right": 4, "brightness": 5, "contrast": 6, "saturation": 7}


def _adaptive(probability: float) -> AdaptiveAugment:
    augmentation = AdaptiveAugment()
    augmentation.probability.fill_(probability)
    return augmentation


def _of_ada(n: int = 4, **places: float) -> Tensor:
    chances = torch.full((n, N_CHANCES), 0.5)
    for name, value in places.items():
        chances[:, OF_ADA[name]] = value
    return chances


def test_without_augmentation_images_are_as_they_are() -> None:
    x = _images()
    assert torch.equal(Unchanged()(x, torch.rand(4, N_CHANCES)), x)
    assert Unchanged().figures() == {}


@pytest.mark.parametrize("channels", [1, 3])
def test_in_the_middle_of_its_ranges_diffaugment_only_cuts_a_square_out(channels: int) -> None:
    x = _images(channels=channels)
    changed = DiffAugment()(x, _chances(4))
    hole = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    hole[2:6, 2:6] = True
    assert not changed[:, :, hole].any()
    torch.testing.assert_close(changed[:, :, ~hole], x[:, :, ~hole])


def test_a_square_at_the_edge_is_cut_off_by_it() -> None:
    changed = DiffAugment()(torch.ones(1, 1, SIDE, SIDE), _chances(1, hole_down=0.0, hole_right=1.0))
    assert int((changed == 0).sum()) == 4
    assert not changed[0, 0, :2, 6:].any()


@pytest.mark.parametrize(("down", "right", "moved"), [(1.0, 0.5, (1, 0)), (0.5, 0.0, (0, -1)), (0.0, 1.0, (-1, 1))])
def test_diffaugment_moves_by_whole_pixels_and_leaves_grey_behind(
    down: float, right: float, moved: tuple[int, int]
) -> None:
    x = _images()
    changed = DiffAugment()(x, _chances(4, down=down, right=right, **FAR))
    wanted = x.roll(moved, (2, 3))
    for axis, shift in zip((2, 3), moved, strict=True):
        if shift:
            wanted.select(axis, 0 if shift > 0 else SIDE - 1).zero_()
    torch.testing.assert_close(changed, wanted)


@pytest.mark.parametrize(
    ("name", "chance", "wanted"),
    [
        ("brightness", 1.0, lambda x: x + 0.5),
        ("contrast", 0.0, lambda x: (x + x.mean((1, 2, 3), keepdim=True)) / 2),
        ("saturation", 0.0, lambda x: x.mean(1, keepdim=True).expand(-1, 3, -1, -1)),
        ("saturation", 1.0, lambda x: 2 * x - x.mean(1, keepdim=True)),
    ],
)
def test_diffaugment_changes_colours(name: str, chance: float, wanted: Callable[[Tensor], Tensor]) -> None:
    x = _images(channels=3)
    torch.testing.assert_close(DiffAugment()(x, _chances(4, **{name: chance}, **FAR)), wanted(x))


def test_with_probability_0_nothing_is_changed_whatever_the_chances_are() -> None:
    x = _images(channels=3)
    chances = torch.rand(4, N_CHANCES, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(_adaptive(0.0)(x, chances), x)


def test_with_probability_1_everything_is_changed_and_in_between_some() -> None:
    x = _images(64)
    chances = torch.rand(64, N_CHANCES, generator=torch.Generator().manual_seed(1))
    shares = [
        (_adaptive(probability)(x, chances) - x).abs().amax((1, 2, 3)).gt(1e-4).float().mean().item()
        for probability in (0.05, 0.2, 1.0)
    ]
    assert 0 < shares[0] < shares[1] < shares[2] == 1


def test_an_image_may_be_mirrored() -> None:
    x = _images()
    torch.testing.assert_close(_adaptive(1.0)(x, _of_ada(mirrored=0.2)), x.flip(3))


def test_what_an_adaptive_move_leaves_behind_is_a_mirror_image() -> None:
    x = _images()
    changed = _adaptive(1.0)(x, _of_ada(down=1.0))
    torch.testing.assert_close(changed, torch.cat([x[:, :, :1], x[:, :, :-1]], 2))


@pytest.mark.parametrize("chance", [0.05, 0.95])
def test_a_scaled_image_keeps_its_middle(chance: float) -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[:, :, 3:6, 3:6] = 1
    changed = _adaptive(1.0)(x, _of_ada(1, scale=chance))
    assert changed[0, 0, 4, 4] == 1
    assert (changed.sum() > x.sum()) == (chance > 0.5)
    torch.testing.assert_close(changed, changed.flip(2))


@pytest.mark.parametrize("augmentation", [DiffAugment(), _adaptive(1.0)], ids=["diffaugment", "ada"])
@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_the_ends_of_the_chances_give_finite_images_and_gradients(augmentation: Unchanged, extreme: float) -> None:
    x = _images(channels=3).requires_grad_()
    changed = augmentation(x, torch.full((4, N_CHANCES), extreme))
    (gradient,) = torch.autograd.grad(changed.square().sum(), x)
    assert changed.shape == x.shape
    assert changed.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("augmentation", [DiffAugment(), _adaptive(0.5)], ids=["diffaugment", "ada"])
def test_an_image_is_changed_by_its_own_chances_alone(augmentation: Unchanged) -> None:
    x, chances = _images(), torch.rand(4, N_CHANCES, generator=torch.Generator().manual_seed(2))
    together = augmentation(x, chances)
    alone = torch.cat([augmentation(*one) for one in zip(x.split(1), chances.split(1), strict=True)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("augmentation", [DiffAugment(), _adaptive(0.5)], ids=["diffaugment", "ada"])
def test_images_stay_in_float32_where_convolutions_are_bfloat16(augmentation: Unchanged) -> None:
    x, chances = _images(), torch.rand(4, N_CHANCES, generator=torch.Generator().manual_seed(2))
    wanted = augmentation(x, chances)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augmentation(x, chances), wanted)


def _adapted(sign: float, steps: int, *, begin: float = 0.0, is_counted: bool = True) -> AdaptiveAugment:
    augmentation = _adaptive(begin)
    for _ in range(steps):
        augmentation.adapt(torch.tensor(sign), 1000, torch.tensor(is_counted))
    return augmentation


def test_the_probability_rises_while_training_images_are_known_too_well_and_falls_otherwise() -> None:
    assert _adapted(1.0, 8).figures()["augmentation_probability"] == pytest.approx(0.05)
    assert _adapted(0.0, 8, begin=0.5).probability == pytest.approx(0.42)


@pytest.mark.parametrize(("sign", "begin", "end"), [(1.0, 0.999, 1.0), (-1.0, 0.001, 0.0)])
def test_it_stays_a_probability(sign: float, begin: float, end: float) -> None:
    assert _adapted(sign, 20, begin=begin).probability == end


def test_a_step_that_does_not_count_moves_nothing_even_without_a_sign() -> None:
    augmentation = _adapted(float("nan"), 3, begin=0.25, is_counted=False)
    assert [augmentation.probability.item(), augmentation.sign.item()] == [0.25, 0]
