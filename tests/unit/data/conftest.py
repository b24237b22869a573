"""Folders of pictures, and what is refused of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lds_mlflow.data import Layout, Reading, load_folder
from lds_mlflow.data.layout import lay_out
from lds_mlflow.data.walk import FoundFile
from lds_mlflow.errors import DataError


def save(path: Path, *, mode: str = "L", size: tuple[int, int] = (16, 16), seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def refusal(path: Path, label: str = "") -> DataError:
    with pytest.raises(DataError) as caught:
        load_folder(path, Reading(label=label))
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four grey pictures, a.png to d.png, without classes."""
    folder = tmp_path / "pictures"
    for seed, name in enumerate("abcd"):
        save(folder / f"{name}.png", seed=seed)
    return folder


@pytest.fixture
def classed(tmp_path: Path) -> Path:
    """Two pictures in each of two subfolders."""
    folder = tmp_path / "pets"
    for seed, name in enumerate(("dog/1", "cat/1", "dog/2", "cat/deep/2")):
        save(folder / f"{name}.png", seed=seed)
    return folder


def table(folder: Path, *lines: str) -> Path:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def laid_out(*names: str, label: str = "", **tables: str) -> Layout:
    """Lays out files with these names, and tables with this content; "__" in a table's name stands for a dot."""
    content = {name.replace("__", "."): text.encode() for name, text in tables.items()}
    return lay_out(map(FoundFile, sorted([*names, *content])), content.__getitem__, where="pets", label=label)


def layout_refusal(*names: str, label: str = "", **tables: str) -> DataError:
    with pytest.raises(DataError) as caught:
        laid_out(*names, label=label, **tables)
    return caught.value


def images_in(*folders: str, n: int = 2) -> list[str]:
    return [f"{folder}/{i:03}.png" for folder in folders for i in range(n)]


def said_of(layout: Layout) -> dict[str, tuple[str, str]]:
    classes, parts = ((some or ("",) * len(layout.names_N)) for some in (layout.classes_N, layout.parts_N))
    return dict(zip(layout.names_N, zip(classes, parts, strict=True), strict=True))
