import torch

from lds_mlflow.models import PIXELS


def test_every_pixel_value_survives_the_way_to_the_model_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    there = PIXELS.to_model(values)
    assert there.dtype == torch.float32
    assert [there.min().item(), there.max().item()] == [-1, 1]
    assert torch.equal(PIXELS.from_model(there), values)


def test_what_lies_outside_the_range_is_clipped() -> None:
    assert PIXELS.from_model(torch.tensor([-9.0, -1.001, 1.001, 9.0])).tolist() == [0, 0, 255, 255]


def test_pixels_are_rounded_to_the_nearest() -> None:
    assert PIXELS.from_model(PIXELS.to_model(torch.tensor(7, dtype=torch.uint8)) + 0.9 / 255).item() == 7
    assert PIXELS.from_model(PIXELS.to_model(torch.tensor(7, dtype=torch.uint8)) + 1.1 / 255).item() == 8


def test_the_error_of_black_in_place_of_white_is_one_and_that_of_a_grey_level_is_its_share() -> None:
    white, black, nearly = (torch.full((300, 1, 2, 2), level, dtype=torch.uint8) for level in (255, 0, 254))
    assert PIXELS.compare(white, black) == {"reconstruction_mse": 1.0}
    assert PIXELS.compare(white, nearly) == {"reconstruction_mse": 1 / 255**2}
