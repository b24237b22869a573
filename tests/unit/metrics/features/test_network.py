import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.metrics.features.network import AsTrained, NetworkExtractor
from lds_mlflow.models.pretrained import Convention, as_trained_on


class _Corner(nn.Module):
    """The values of one pixel, with a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 0, 0] * self.factor


class _CornerExtractor(NetworkExtractor):
    title = "A corner"

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__(network, side, "cpu", ALONE)


IMAGES = torch.arange(70, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8)


def test_features_are_those_of_the_network_in_float32_of_grey_images_too() -> None:
    found = _CornerExtractor(_Corner(), 4).features(IMAGES)
    assert found.dtype == torch.float32
    assert torch.equal(found, torch.arange(70.0)[:, None].expand(-1, 3))


def test_its_name_follows_its_weights_and_its_resize_is_said() -> None:
    one, other = _Corner(), _Corner()
    extractor = _CornerExtractor(one, 4)
    assert extractor.resize == "bicubic, antialiased, to 4x4, rounded to 8 bits"
    assert extractor.name.startswith("a-corner-")
    assert extractor.name == _CornerExtractor(other, 4).name
    nn.init.zeros_(other.factor)
    assert extractor.name != _CornerExtractor(other, 4).name


@pytest.mark.parametrize("convention", ["clip", "torchvision"])
def test_a_network_is_given_images_as_it_was_trained(convention: Convention) -> None:
    images = IMAGES.expand(-1, 3, -1, -1)
    expected = as_trained_on(images.float(), convention)[:, :, 0, 0]
    torch.testing.assert_close(AsTrained(_Corner(), convention)(images), expected, check_dtype=False)
