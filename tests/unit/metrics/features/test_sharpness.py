import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, laplace

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import sharpness


def _noise(n: int = 5, channels: int = 1, side: int = 12) -> torch.Tensor:
    return torch.randint(0, 256, (n, channels, side, side), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_it_is_the_variance_of_scipy_s_laplacian_over_the_inner_pixels() -> None:
    images = _noise()
    expected = [laplace(image[0].double().numpy())[1:-1, 1:-1].var() for image in images]
    assert sharpness(images).tolist() == pytest.approx(expected)


def test_colour_is_weighed_to_grey() -> None:
    images = _noise(channels=3)
    grey = np.tensordot(images.double().numpy(), [0.299, 0.587, 0.114], ([1], [0]))
    expected = [laplace(image)[1:-1, 1:-1].var() for image in grey]
    assert sharpness(images).tolist() == pytest.approx(expected)


def test_a_flat_image_and_a_ramp_have_none() -> None:
    ramp = (10 * torch.arange(8, dtype=torch.uint8)).expand(8, 8)
    images = torch.stack([torch.full((8, 8), 77, dtype=torch.uint8), ramp])[:, None]
    assert sharpness(images).tolist() == [0, 0]


def test_contrast_squares() -> None:
    images = (_noise() // 4).to(torch.uint8)
    torch.testing.assert_close(sharpness(images * 3), 9 * sharpness(images))


def test_blur_lowers_it() -> None:
    sharp = _noise(1, side=32)
    blurred = torch.from_numpy(gaussian_filter(sharp[0, 0].numpy(), 1.0))[None, None]
    assert sharpness(blurred) < 0.2 * sharpness(sharp)


def test_batches_do_not_matter() -> None:
    images = _noise(300)
    whole = sharpness(images)
    torch.testing.assert_close(torch.cat([sharpness(some) for some in images.split(70)]), whole)


def test_no_images_have_no_scores() -> None:
    assert sharpness(_noise(0)).shape == (0,)


def test_images_without_inner_pixels_are_refused() -> None:
    with pytest.raises(DataError, match="at least 3x3"):
        sharpness(torch.zeros(1, 1, 2, 5, dtype=torch.uint8))
