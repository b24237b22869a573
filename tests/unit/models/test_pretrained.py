from pathlib import Path

import pytest
import torch

from lds_mlflow.models.pretrained import Convention, as_trained_on, in_short, read_tensors, side_of, three_channels


@pytest.mark.parametrize(("convention", "side"), [("caffe", 227), ("torchvision", 224)])
def test_weights_were_trained_on_images_of_one_side(convention: Convention, side: int) -> None:
    assert side_of(convention) == side


def test_caffe_takes_blue_first_and_subtracts_a_mean() -> None:
    red = torch.tensor([255.0, 0, 0])[None, :, None, None]
    assert as_trained_on(red, "caffe").flatten().tolist() == [-104, -117, 255 - 123]


def test_torchvision_takes_red_first_and_scales() -> None:
    red = torch.tensor([255.0, 0, 0])[None, :, None, None]
    wanted = torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    torch.testing.assert_close(as_trained_on(red, "torchvision").flatten(), wanted)


def test_a_grey_image_has_three_equal_channels_and_a_colour_image_stays() -> None:
    grey, colour = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4)
    assert torch.equal(three_channels(grey), grey.repeat(1, 3, 1, 1))
    assert three_channels(colour) is colour


@pytest.mark.parametrize("value", [torch.zeros(2), {"a": 1}], ids=["a tensor", "a number"])
def test_what_is_no_table_of_tensors_is_no_file_of_weights(tmp_path: Path, value: object) -> None:
    torch.save(value, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match="tensors only"):
        read_tensors(tmp_path / "odd.pth")


def test_an_error_is_told_on_one_line_of_bounded_length() -> None:
    assert in_short(ValueError("one\n  two")) == "one two"
    assert in_short(ValueError()) == "ValueError"
    assert len(in_short(ValueError("x" * 1000))) == 300
