from collections.abc import Callable

import pytest
import torch

from lds_mlflow.data.pixel_augmentation import augment_pixels, change_affinely, cut_and_mix, mix_up

Change = Callable[[torch.Tensor], torch.Tensor]


def _images(n: int = 6, channels: int = 1) -> torch.Tensor:
    return torch.randint(256, (n, channels, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("change", [change_affinely, mix_up, cut_and_mix])
@pytest.mark.parametrize("channels", [1, 3])
def test_as_many_images_as_asked_come_out_as_bytes(change: Change, channels: int) -> None:
    made = augment_pixels(_images(channels=channels), change, 10, seed=0)
    assert (made.shape, made.dtype) == ((10, channels, 8, 8), torch.uint8)


@pytest.mark.parametrize("change", [change_affinely, mix_up, cut_and_mix])
def test_a_seed_determines_them_and_the_global_randomness_is_left_alone(change: Change) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (augment_pixels(_images(), change, 8, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("change", [mix_up, cut_and_mix])
def test_mixed_images_of_one_image_are_that_image(change: Change) -> None:
    one = _images(1)
    assert torch.equal(augment_pixels(one, change, 5, seed=0), one.expand(5, -1, -1, -1))


def test_mixup_lies_between_its_two_images() -> None:
    black_and_white = torch.stack([torch.zeros(1, 8, 8), torch.full((1, 8, 8), 255.0)]).to(torch.uint8)
    made = augment_pixels(black_and_white, mix_up, 40, seed=0)
    assert (made.flatten(1).amax(1) == made.flatten(1).amin(1)).all()
    assert len(made[:, 0, 0, 0].unique()) > 5


def test_cutmix_has_every_pixel_from_one_of_its_two_images() -> None:
    black_and_white = torch.stack([torch.zeros(1, 8, 8), torch.full((1, 8, 8), 255.0)]).to(torch.uint8)
    made = augment_pixels(black_and_white, cut_and_mix, 40, seed=0)
    assert set(made.unique().tolist()) == {0, 255}
    assert ((made == 0).flatten(1).any(1) & (made == 255).flatten(1).any(1)).any()
