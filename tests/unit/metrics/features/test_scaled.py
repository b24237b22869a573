from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics.features.scaled import ScaledExtractor


class PixelExtractor:
    """An extractor whose features are the pixels, times a factor."""

    def __init__(self, name: str = "pixels-v1-12345678", resize: str = "none", factor: float = 1.0) -> None:
        self.name, self.resize, self.factor = name, resize, factor

    def features(self, images_NCHW: Tensor) -> Tensor:
        return self.factor * images_NCHW.flatten(1).float()


def _images(n: int = 6) -> Tensor:
    return torch.randint(256, (n, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_fitted_features_have_a_mean_square_of_one() -> None:
    features = ScaledExtractor.fitted(PixelExtractor(), _images()).features(_images())
    assert features.dtype == torch.float32
    assert features.square().sum(1).mean() / features.shape[1] == pytest.approx(1, rel=1e-4)


def test_the_scale_is_that_of_the_images_it_was_fitted_on_and_stays() -> None:
    extractor = ScaledExtractor.fitted(PixelExtractor(), torch.full((3, 1, 4, 4), 4, dtype=torch.uint8))
    assert extractor.scale == 4
    assert torch.equal(extractor.features(_images()), PixelExtractor().features(_images()) / 4)


def test_the_scale_of_the_inner_features_no_longer_matters() -> None:
    one, other = (ScaledExtractor.fitted(PixelExtractor(factor=factor), _images()) for factor in (1e-3, 1e6))
    torch.testing.assert_close(one.features(_images()), other.features(_images()))


def test_neither_order_nor_batch_matters() -> None:
    extractor = ScaledExtractor.fitted(PixelExtractor(), _images())
    apart = torch.cat([extractor.features(x) for x in _images().flip(0).split(4)])
    assert torch.equal(apart.flip(0), extractor.features(_images()))


def test_the_name_has_the_kind_of_the_inner_one_and_follows_all_that_changes_features() -> None:
    names = {
        ScaledExtractor(PixelExtractor(), 2.0).name,
        ScaledExtractor(PixelExtractor(), 3.0).name,
        ScaledExtractor(PixelExtractor(name="pixels-v1-87654321"), 2.0).name,
        ScaledExtractor(PixelExtractor(resize="to 8x8"), 2.0).name,
    }
    assert len(names) == 4
    assert {name[:-8] for name in names} == {"pixels-v1-"}
    assert ScaledExtractor(PixelExtractor(), 2.0).name == ScaledExtractor(PixelExtractor(), 2.0).name


def test_the_resize_is_the_inner_one_s() -> None:
    assert ScaledExtractor(PixelExtractor(resize="to 8x8"), 2.0).resize == "to 8x8"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScaledExtractor.fitted(PixelExtractor(), torch.zeros(3, 1, 4, 4, dtype=torch.uint8)),
        lambda: ScaledExtractor.fitted(PixelExtractor(factor=torch.nan), _images()),
        lambda: ScaledExtractor.fitted(PixelExtractor(factor=torch.inf), _images()),
        lambda: ScaledExtractor.fitted(PixelExtractor(), _images(0)),
        lambda: ScaledExtractor(PixelExtractor(), -1.0),
    ],
    ids=["zeros", "nan", "infinite", "no images", "negative"],
)
def test_features_without_a_scale_are_refused(make: Callable[[], ScaledExtractor]) -> None:
    with pytest.raises(DataError, match=r"pixels-v1-12345678.*root mean square above 0.*other features"):
        make()
