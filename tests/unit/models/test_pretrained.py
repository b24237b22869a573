from pathlib import Path

import pytest
import torch

from lds_mlflow.models.pretrained import in_short, read_tensors, three_channels


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
