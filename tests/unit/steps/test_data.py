"""The step `data` on a folder as people bring it: a broken file, a copy, a table of attributes, a list of parts."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lds_mlflow.config import DataConfig
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.steps.data import outside, run
from lds_mlflow.values import ExampleSet
from tests.unit.data.conftest import save, truncate
from tests.unit.steps.surroundings import KeptRun, surroundings

Read = Callable[..., tuple[str, KeptRun]]

N = 24
PARTS = [("train", "select"), ("train", "test"), ("select", "test")]


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """24 colour pictures of 16x16, of which one is broken and one a copy of another."""
    folder = tmp_path / "faces"
    for number in range(N):
        save(folder / f"{number:02d}.png", mode="RGB", seed=number)
    truncate(folder / "03.png")
    shutil.copy(folder / "04.png", folder / "05.png")
    return folder


@pytest.fixture
def attributes(tmp_path: Path) -> Path:
    """CelebA's list of attributes for them."""
    rows = [f"{number:02d}.png {1 if number % 2 else -1}" for number in range(N)]
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text("\n".join([str(N), "Male", *rows]) + "\n")
    return path


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Runs the step on a folder, with parameters, and returns the sentence and the run."""

    def of(folder: Path | str, **settings: Any) -> tuple[str, KeptRun]:
        context, own = surroundings({}, checkpoint_path=tmp_path / "packing")
        return run(DataConfig(data=str(folder), **settings), context), own

    return of


def _digests(own: KeptRun) -> dict[str, str]:
    return {name: part.digest for name, part in own.values.items() if isinstance(part, ExampleSet)}


def test_what_can_not_be_used_is_left_out_and_named_and_the_division_can_be_had_again(
    faces: Path, attributes: Path, tmp_path: Path, read: Read
) -> None:
    (faces / "notes.heic").write_text("taken with a telephone")
    save(faces / ".thumbnails" / "00.png")
    settings = {"resolution": 8, "attributes": str(attributes), "label": "Male", "tolerated": 0.1}
    sentence, own = read(faces, **settings)
    figures = own.figures
    assert (figures["left_out"], figures["copies"], figures["classes"]) == (1, 1, 2)
    faults = own.tables["faults.csv"]
    assert list(faults.columns) == ["file", "fault", "detail"]
    named = zip(faults["file"], faults["fault"], strict=True)
    assert sorted(named) == [
        (".thumbnails/00.png", "hidden"),
        ("03.png", "corrupt"),
        ("05.png", "copy"),
        ("notes.heic", "ending"),
    ]
    assert "23 images of 8x8x3, 2 classes" in sentence
    assert "Lanczos (antialiased) to 8x8" in sentence
    assert f"2 classes from the column Male of {attributes.name}: Male (12), not Male (12)" in sentence
    assert "1 hidden or system files (.thumbnails 1), 1 files by their endings (.heic 1)" in sentence
    assert len(sentence.splitlines()) <= 10
    assert "1 can't be used (left out) and 1 are copies of others" in sentence

    own.tables["splits.csv"].to_csv(tmp_path / "splits.csv", index=False)
    again = read(faces, **settings, split_list=str(tmp_path / "splits.csv"), split_seed=7)[1]
    assert _digests(again) == _digests(own)
    assert set(_digests(own)) == {"train", "select", "test"}


def test_images_that_a_list_of_parts_leaves_out_are_named(faces: Path, tmp_path: Path, read: Read) -> None:
    for fault in ("03.png", "05.png"):
        (faces / fault).unlink()
    some = tmp_path / "parts.csv"
    some.write_text("file,part\n" + "".join(f"{number:02d}.png,train\n" for number in range(6, N)))
    sentence, own = read(faces, split_list=str(some))
    named = own.tables["faults.csv"][["file", "fault"]].to_numpy().tolist()
    assert named == [[f"{number:02d}.png", "unassigned"] for number in (0, 1, 2, 4)]
    assert "4 have no part in split_list (left out)" in sentence


@pytest.mark.parametrize(("fault", "message"), [("corrupt", "can't be decoded"), ("copy", "copies among")])
def test_where_too_much_can_not_be_used_the_run_still_has_the_table(
    faces: Path, tmp_path: Path, fault: str, message: str
) -> None:
    (faces / ("05.png" if fault == "corrupt" else "03.png")).unlink()
    context, own = surroundings({}, checkpoint_path=tmp_path / "packing")
    with pytest.raises(DataError, match=message):
        run(DataConfig(data=str(faces), tolerated=0.01), context)
    assert own.tables["faults.csv"]["fault"].tolist() == [fault]
    assert own.values == {}


def test_every_part_is_stored_counted_and_logged_as_a_data_set(read: Read) -> None:
    sentence, own = read("digits", limit=60, reserve_fraction=0.2)
    sizes = {name: len(part) for name, part in own.values.items()}
    assert set(sizes) == {"train", "select", "test", "reserve"}
    assert sum(sizes.values()) == 60
    assert {name: own.metrics[f"{name}_examples"] for name in sizes} == sizes
    assert {name: n for name, (_, n) in own.datasets.items()} == sizes
    assert f"train {sizes['train']}, select {sizes['select']}, test {sizes['test']}" in sentence
    assert "pictures/real.png" in own.pictures


def test_near_copies_in_a_folder_are_counted_listed_and_shown(unlabelled_folder: Path, read: Read) -> None:
    for file in sorted(unlabelled_folder.iterdir()):
        darker = (0.8 * np.array(Image.open(file))).round().astype(np.uint8)
        Image.fromarray(darker).save(file.with_name(f"{file.stem}-darker.png"))
    sentence, own = read(unlabelled_folder)
    table = own.tables["near_duplicates.csv"]
    part = own.tables["splits.csv"].set_index("image_id")["part"]
    across = [i for i in range(20) if part[f"{i:02d}.png"] != part[f"{i:02d}-darker.png"]]
    assert {frozenset(pair) for pair in zip(table.image_i, table.image_j, strict=True)} == {
        frozenset({f"{i:02d}.png", f"{i:02d}-darker.png"}) for i in across
    }
    assert [*part[table.image_i]] == [*table.part_i]
    assert [*part[table.image_j]] == [*table.part_j]
    assert own.figures["near_duplicates"] == len(table) == len(across) > 0
    by_parts = {parts: own.figures[f"near_duplicates_{parts[0]}_{parts[1]}"] for parts in PARTS}
    counted = table.groupby(["part_i", "part_j"]).size().to_dict()
    assert {parts: count for parts, count in by_parts.items() if count} == counted
    assert "pictures/near_duplicates.png" in own.pictures
    assert f"{by_parts['train', 'test']:.0f} of train and test" in sentence
    assert "near_duplicates.csv" in sentence


def test_where_there_are_no_near_copies_the_run_says_nothing_of_them(read: Read) -> None:
    sentence, own = read("digits", limit=120)
    assert own.figures["near_duplicates"] == 0
    assert not any("near_duplicates" in file for file in (*own.tables, *own.pictures))
    assert "near" not in sentence


def test_the_division_is_a_table_of_every_image_with_its_part_and_digest(unlabelled_folder: Path, read: Read) -> None:
    _, own = read(unlabelled_folder)
    table = own.tables["splits.csv"]
    assert list(table.columns) == ["image_id", "part", "digest"]
    assert table.part.value_counts().to_dict() == {"train": 12, "select": 4, "test": 4}
    digests = {
        file.name: sha256(np.array(Image.open(file)).tobytes()).hexdigest() for file in unlabelled_folder.iterdir()
    }
    assert dict(zip(table.image_id, table.digest, strict=True)) == digests


def test_the_lists_that_are_read_count_as_read_from_outside(faces: Path, attributes: Path) -> None:
    plain = outside(DataConfig(data=str(faces)))
    assert outside(DataConfig(data=str(faces), attributes=str(attributes))) == f"{plain} {digest_of_file(attributes)}"
    with pytest.raises(DataError, match="Check the path"):
        outside(DataConfig(data=str(faces / "nowhere")))


@pytest.mark.parametrize(("limit", "is_alarmed"), [(60, True), (120, False)])
def test_fewer_than_a_hundred_examples_raise_an_alarm(limit: int, is_alarmed: bool) -> None:
    context, _ = surroundings({})
    sentence = run(DataConfig(data="digits", limit=limit), context)
    assert ["There are 60 examples in all" in text for text in context.alarms] == [True] * is_alarmed
    assert "10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)" in sentence


def test_of_many_classes_the_first_ten_are_named(read: Read, tmp_path: Path) -> None:
    for number in range(24):
        save(tmp_path / "many" / f"kind{number // 2:02d}" / f"{number:02d}.png", mode="RGB", seed=number)
    sentence, _ = read(tmp_path / "many")
    assert "12 classes (kind00, kind01, " in sentence
    assert "kind09, and 2 more)" in sentence
