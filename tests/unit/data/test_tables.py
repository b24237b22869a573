from pathlib import Path

import pytest

from lds_mlflow.data import Reading, load_folder, read_parts
from lds_mlflow.data.tables import read_table
from lds_mlflow.errors import DataError
from tests.unit.data.conftest import save

ATTRIBUTES = """4
Male Smiling
a.png -1 1
b.png  1 1
c.png  1 -1
d.png -1 -1
"""


@pytest.fixture
def attributes(tmp_path: Path) -> Path:
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text(ATTRIBUTES)
    return path


def _written(folder: Path, content: str, name: str = "list.txt") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_celebas_list_of_attributes_gives_classes_in_words(folder: Path, attributes: Path) -> None:
    images = load_folder(folder, Reading(attributes=attributes, label="Male"))
    assert images.class_names_K == ("Male", "not Male")
    assert images.labels_N is not None
    assert images.labels_N.tolist() == [1, 0, 0, 1]
    assert set(load_folder(folder, Reading(attributes=attributes, label="Smiling")).class_names_K) == {
        "Smiling",
        "not Smiling",
    }


def test_a_table_of_commas_beside_the_images_does_as_well(folder: Path, tmp_path: Path) -> None:
    table = _written(tmp_path, "image_id,gender\nd.png,f\nc.png,m\nb.png,m\na.png,f\nz.png,f\n", "table.csv")
    images = load_folder(folder, Reading(attributes=table, label="gender"))
    assert images.ids_N == ("a.png", "b.png", "c.png", "d.png")
    assert images.labels_N is not None
    assert images.labels_N.tolist() == [0, 1, 1, 0]


def test_images_in_subfolders_are_found_by_the_last_part_of_their_path(tmp_path: Path, attributes: Path) -> None:
    for seed, name in enumerate("abcd"):
        save(tmp_path / "faces" / "deep" / f"{name}.png", seed=seed)
    images = load_folder(tmp_path / "faces", Reading(attributes=attributes, label="Male"))
    assert images.ids_N[0] == "deep/a.png"
    assert images.labels_N is not None
    assert images.labels_N.tolist() == [1, 0, 0, 1]


def test_an_image_without_a_row_is_named(folder: Path, attributes: Path) -> None:
    save(folder / "e.png", seed=9)
    with pytest.raises(DataError, match=r"no row for 1 of 5 images, such as e\.png"):
        load_folder(folder, Reading(attributes=attributes, label="Male"))


@pytest.mark.parametrize("label", ["", "Female"])
def test_a_table_beside_the_images_takes_a_label_that_it_has(folder: Path, attributes: Path, label: str) -> None:
    with pytest.raises(DataError) as caught:
        load_folder(folder, Reading(attributes=attributes, label=label))
    assert caught.value.found == "columns file, Male, Smiling"
    assert "parameter label" in caught.value.remedy


def test_a_table_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="attributes"):
        load_folder(folder, Reading(attributes=tmp_path / "nowhere.txt", label="Male"))


def test_a_file_that_is_named_twice_is_named(folder: Path, tmp_path: Path) -> None:
    table = _written(tmp_path, "file,gender\na.png,f\na.png,m\n", "table.csv")
    with pytest.raises(DataError, match=r"named more than once, such as a\.png"):
        load_folder(folder, Reading(attributes=table, label="gender"))


def test_words_of_a_table_stay_as_they_are() -> None:
    table = read_table(b"file,kind\na.png,-1\nb.png,None\n", "a table")
    assert table["kind"].tolist() == ["-1", "None"]


@pytest.mark.parametrize(
    "content",
    [
        "image_id,part,digest\na.png,train,12\nb.png,select,34\nc.png,test,56\n",
        "file,split\na.png,train\nb.png,val\nc.png,test\n",
        "a.png 0\nb.png 1\nc.png 2\n",
        "a.png train\nb.png validation\nc.png test\n",
    ],
    ids=["splits.csv", "commas", "celeba", "words"],
)
def test_a_list_gives_the_part_of_each_image(tmp_path: Path, content: str) -> None:
    assert read_parts(_written(tmp_path, content)) == {"a.png": "train", "b.png": "select", "c.png": "test"}


@pytest.mark.parametrize("content", ["a.png 0 1\n", "a.png 7\n", "file,kind\na.png,x\n", "file,part\na.png,quiz\n"])
def test_a_list_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="its part"):
        read_parts(_written(tmp_path, content))


@pytest.mark.parametrize("content", [b"", b"\n", b"a.png,\xff\n", bytes(range(256))])
def test_a_list_that_can_not_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"list\.txt"):
        read_parts(tmp_path / "list.txt")


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="split_list"):
        read_parts(tmp_path / "nowhere.csv")
