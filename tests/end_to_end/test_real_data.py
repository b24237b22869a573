"""The whole pipeline on real images of other kinds than the embedded ones, where they are at hand."""

import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import MakePipeline
from tests.places import SHARED

pytestmark = pytest.mark.end_to_end

FACES = SHARED / "data" / "fairface64.zip"
FASHION = SHARED / "data" / "FashionMNIST"


def _some_faces(path: Path) -> None:
    """Writes a zip of some of the faces, with their rows of labels.csv."""
    with zipfile.ZipFile(FACES) as faces, zipfile.ZipFile(path, "w") as some:
        table = pd.read_csv(faces.open("labels.csv"))
        kept = pd.concat([table[table["split"] == part].head(n) for part, n in (("train", 300), ("test", 100))])
        some.writestr("labels.csv", kept.to_csv(index=False))
        for name in kept["file"]:
            some.writestr(name, faces.read(name))


@pytest.mark.skipif(not FACES.is_file(), reason="fairface64.zip is not at hand")
def test_faces_with_a_gender_column_and_a_declared_test_part(
    make_pipeline: MakePipeline, said: list[str], tmp_path: Path
) -> None:
    _some_faces(tmp_path / "faces.zip")
    changes: dict[str, Any] = {"data": str(tmp_path / "faces.zip"), "label": "gender", "limit": 200, "samples": 50}
    make_pipeline("main", registered_model="none", preset="faces64-small", **changes).main()
    assert any("64x64x3, 2 classes (" in line for line in said)


@pytest.mark.skipif(not FASHION.is_dir(), reason="FashionMNIST is not at hand")
def test_a_torchvision_set_brought_to_32_pixels(make_pipeline: MakePipeline, said: list[str]) -> None:
    changes: dict[str, Any] = {"data": f"torchvision:FashionMNIST:{SHARED / 'data'}", "resolution": 32, "limit": 500}
    run = make_pipeline("train", **changes).run("train")
    assert run.figures["skipped_steps"] == 0
    assert any("32x32x1, 10 classes" in line for line in said)
