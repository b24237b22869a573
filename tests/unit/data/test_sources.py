import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from lds_mlflow.choices.data_sources import forms
from lds_mlflow.data import Reading, describe_source, load_images
from lds_mlflow.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two grey 8x8 pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for shade in (50, 200):
        Image.new("L", (8, 8), shade).save(folder / f"{shade}.png")
    return folder


def _refusal(data: str, *, resolution: int = 0) -> DataError:
    with pytest.raises(DataError) as caught:
        load_images(data, Reading(resolution=resolution))
    return caught.value


def test_another_word_that_begins_like_a_source_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    for name in ("digits-of-mine", "digits:old"):
        shutil.copytree(tmp_path, tmp_path / name, ignore=shutil.ignore_patterns("digits*"))
        assert load_images(name).ids_N == ("a.png",)
        assert describe_source(name) == describe_source(str(tmp_path / name))


def test_the_word_digits_gives_the_digits() -> None:
    assert load_images("digits").examples_N.shape == (1797, 1, 8, 8)


def test_a_path_gives_the_folder_there(folder: Path) -> None:
    assert load_images(str(folder)).ids_N == ("200.png", "50.png")


def test_resolution_channels_and_label_reach_the_folder(folder: Path) -> None:
    (folder / "labels.csv").write_text("file,kind,mood\n50.png,x,glad\n200.png,x,sad\n")
    images = load_images(str(folder), Reading(resolution=16, channels=3, label="mood"))
    assert images.examples_N.shape == (2, 3, 16, 16)
    assert images.class_names_K == ("glad", "sad")


@pytest.mark.parametrize("size", [(12, 12), (4, 4), (16, 8), (1, 1)])
def test_sides_that_no_model_takes_are_told_with_the_remedy(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("L", size).save(tmp_path / "a.png")
    error = _refusal(str(tmp_path))
    assert tmp_path.name in error.what
    assert error.found == f"{size[0]}x{size[1]} pixels"
    assert error.expected == "squares with a side that is a power of two of at least 8"
    assert "resolution" in error.remedy


def test_the_remedy_for_odd_sides_works(tmp_path: Path) -> None:
    Image.new("L", (20, 12)).save(tmp_path / "a.png")
    assert load_images(str(tmp_path), Reading(resolution=32)).examples_N.shape == (1, 1, 32, 32)


@pytest.mark.parametrize("resolution", [4, 12])
def test_a_resolution_that_no_model_takes_is_refused(resolution: int) -> None:
    assert _refusal("digits", resolution=resolution).found == f"{resolution}x{resolution} pixels"


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    error = _refusal(str(tmp_path / "nowhere"))
    assert error.what == str(tmp_path / "nowhere")
    assert "Check the path" in error.remedy


def test_an_unknown_torchvision_set_is_told_the_known_ones(tmp_path: Path) -> None:
    error = _refusal(f"torchvision:ImageNet:{tmp_path}")
    assert error.found == "ImageNet"
    assert "FashionMNIST" in error.expected
    assert "torchvision:NAME:FOLDER" in error.remedy


def test_a_torchvision_set_without_its_folder_is_told_how_to_write_it() -> None:
    error = _refusal("torchvision:MNIST")
    assert error.found == "torchvision:MNIST"
    assert error.expected == "torchvision:NAME:FOLDER"
    assert "folder" in error.remedy


def test_a_source_is_described_alike_as_long_as_its_files_are(folder: Path) -> None:
    assert describe_source(str(folder)) == describe_source(str(folder))
    assert describe_source("digits") == describe_source("digits")


def test_another_file_changes_the_description(folder: Path) -> None:
    before = describe_source(str(folder))
    shutil.copy(folder / "50.png", folder / "copy.png")
    assert describe_source(str(folder)) != before


def test_another_name_changes_the_description(folder: Path) -> None:
    before = describe_source(str(folder))
    (folder / "50.png").rename(folder / "51.png")
    assert describe_source(str(folder)) != before


def test_a_file_written_again_changes_the_description(folder: Path) -> None:
    before = describe_source(str(folder))
    os.utime(folder / "50.png", ns=(1, 1))
    assert describe_source(str(folder)) != before


def test_a_zip_is_described_by_itself(tmp_path: Path, folder: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "pictures"), "zip", folder))
    before = describe_source(str(archive))
    os.utime(archive, ns=(1, 1))
    assert describe_source(str(archive)) != before


def test_a_torchvision_source_is_described_by_its_folder(folder: Path) -> None:
    assert describe_source(f"torchvision:MNIST:{folder}") == describe_source(str(folder))


@pytest.mark.parametrize("form", ["{}", "torchvision:MNIST:{}"])
def test_nothing_to_describe_is_told_what_could_be_given(tmp_path: Path, form: str) -> None:
    with pytest.raises(DataError) as caught:
        describe_source(form.format(tmp_path / "nowhere"))
    assert caught.value.found == f"neither a file nor a folder at {tmp_path / 'nowhere'}"
    assert caught.value.expected == f"one of: {forms()}"
    assert "Check the path" in caught.value.remedy
