import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision import datasets

from lds_mlflow.data import Reading, load_images, split_examples
from lds_mlflow.data.torchvision_sets import load_torchvision
from lds_mlflow.errors import DataError
from tests.places import SHARED

DATA = SHARED / "data"
TRAIN, TEST = 7, 4


def _write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    # The idx format: type 8 (bytes), the number of axes, their lengths, the content.
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Seven training and four test digits in the files of MNIST."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part, n in (("train", TRAIN), ("t10k", TEST)):
        _write_idx(raw / f"{part}-images-idx3-ubyte", generator.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        _write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8))
    return tmp_path


@pytest.fixture
def cifar_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two colour pictures in every file of CIFAR10, whose checksums are told to torchvision."""
    folder = tmp_path / datasets.CIFAR10.base_folder
    folder.mkdir()
    generator = np.random.default_rng(0)

    def write(name: str, content: object) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()]

    def batch(name: str) -> list[str]:
        return write(name, {"data": generator.integers(0, 256, (2, 3072), dtype=np.uint8), "labels": [3, 8]})

    names = {"label_names": [f"kind {k}" for k in range(10)]}
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [batch(f"data_batch_{i}") for i in range(1, 6)])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [batch("test_batch")])
    filename, md5 = write("batches.meta", names)
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": filename, "key": "label_names", "md5": md5})
    return tmp_path


def _refusal(name: str, root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        load_torchvision(f"{name}:{root}")
    return caught.value


def test_both_parts_are_read_and_the_test_part_is_declared(root: Path) -> None:
    images = load_torchvision(f"MNIST:{root}")
    assert images.examples_N.shape == (TRAIN + TEST, 1, 28, 28)
    assert images.examples_N.dtype == torch.uint8
    assert images.declared_parts_N == ("train",) * TRAIN + ("test",) * TEST
    assert images.labels_N is not None
    assert images.labels_N.tolist() == [*range(TRAIN), *range(TEST)]
    assert len(images.class_names_K) == 10


def test_every_image_has_a_name_of_its_own(root: Path) -> None:
    names = load_torchvision(f"MNIST:{root}").ids_N
    assert len(set(names)) == TRAIN + TEST
    assert (names[0], names[-1]) == ("train-00000", "test-00003")


def test_a_resolution_makes_the_images_fit_a_model(root: Path) -> None:
    images = load_images(f"torchvision:MNIST:{root}", Reading(resolution=32))
    assert images.examples_N.shape == (TRAIN + TEST, 1, 32, 32)


def test_without_a_resolution_28_pixels_are_refused_with_the_remedy(root: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_images(f"torchvision:MNIST:{root}")
    assert caught.value.found == "28x28 pixels"
    assert "resolution" in caught.value.remedy


def test_the_declared_test_part_becomes_the_test_part(root: Path) -> None:
    splits = split_examples(load_torchvision(f"MNIST:{root}"), select_fraction=0.3, test_fraction=0.5, seed=0)
    assert set(splits.test.ids_N) == {f"test-{i:05d}" for i in range(TEST)}


def test_colour_sets_have_three_channels(cifar_root: Path) -> None:
    images = load_torchvision(f"CIFAR10:{cifar_root}")
    assert images.examples_N.shape == (12, 3, 32, 32)
    assert images.labels_N is not None
    assert images.labels_N.tolist() == [3, 8] * 6
    assert images.class_names_K[3] == "kind 3"
    first = datasets.CIFAR10(str(cifar_root)).data[0]
    assert np.array_equal(images.examples_N[0].permute(1, 2, 0).numpy(), first)


def test_an_unknown_set_is_told_the_known_ones(tmp_path: Path) -> None:
    error = _refusal("SVHN", tmp_path)
    assert error.what == "the torchvision set"
    assert error.found == "SVHN"
    assert error.expected == "one of MNIST, FashionMNIST, KMNIST, CIFAR10"
    assert "torchvision:NAME:FOLDER" in error.remedy


@pytest.mark.parametrize("name", ["MNIST", "CIFAR10"])
def test_a_set_that_is_not_there_is_named_with_its_folder(tmp_path: Path, name: str) -> None:
    error = _refusal(name, tmp_path)
    assert error.what == f"torchvision's {name} in {tmp_path}"
    assert "not found" in error.found
    assert "Download the data set" in error.remedy


@pytest.mark.parametrize("kept", [0, 2, 5, 1000])
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_truncated_file_is_refused_with_the_set_and_its_folder(root: Path, file: str, kept: int) -> None:
    path = root / "MNIST" / "raw" / file
    path.write_bytes(path.read_bytes()[: min(kept, path.stat().st_size - 1)])
    error = _refusal("MNIST", root)
    assert error.what == f"torchvision's MNIST in {root}"
    assert error.found
    assert "Download the data set" in error.remedy


@pytest.mark.skipif(not (DATA / "FashionMNIST").is_dir(), reason="FashionMNIST does not lie beside the repository")
def test_the_real_fashion_mnist_is_whole() -> None:
    images = load_torchvision(f"FashionMNIST:{DATA}")
    assert images.examples_N.shape == (70_000, 1, 28, 28)
    assert images.declared_parts_N.count("test") == 10_000
    assert images.labels_N is not None
    assert images.labels_N.bincount().tolist() == [7_000] * 10
    assert images.class_names_K[9] == "Ankle boot"
