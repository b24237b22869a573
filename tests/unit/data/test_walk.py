from pathlib import Path

import pytest

from lds_mlflow.data import load_folder
from lds_mlflow.data.outside import digest_of_listing
from lds_mlflow.data.walk import walk
from lds_mlflow.errors import DataError
from tests.unit.data.conftest import save


def test_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b/2.png", "a-b/1.png", "a/3.png", "a.png"):
        save(tmp_path / name)
    assert [name for name, _ in walk(tmp_path)] == ["a/3.png", "a-b/1.png", "a.png", "b/2.png"]


@pytest.mark.parametrize("target", ["elsewhere", "elsewhere/deep"])
def test_folders_behind_links_are_read_as_any_other(tmp_path: Path, classed: Path, target: str) -> None:
    save(tmp_path / target / "1.png", seed=9)
    (classed / "fox").symlink_to(tmp_path / target)
    assert load_folder(classed).class_names_K == ("cat", "dog", "fox")


def test_a_file_behind_a_link_is_read(tmp_path: Path, classed: Path) -> None:
    save(tmp_path / "pool.png", seed=9)
    (classed / "cat" / "3.png").symlink_to(tmp_path / "pool.png")
    assert "cat/3.png" in load_folder(classed).ids_N


def test_a_link_to_a_folder_around_it_ends_there(classed: Path) -> None:
    (classed / "cat" / "up").symlink_to(classed)
    (classed / "dog" / "self").symlink_to(classed / "dog")
    found = list(walk(classed))
    assert [name for name, why in found if why == "a link to a folder that it lies in"] == ["cat/up", "dog/self"]
    assert len(found) == 6


def test_a_link_to_nothing_is_named(classed: Path) -> None:
    (classed / "cat" / "gone.png").symlink_to(classed / "nowhere.png")
    assert ("cat/gone.png", "a link to nothing") in list(walk(classed))


def test_a_change_behind_a_link_changes_the_digest(tmp_path: Path, classed: Path) -> None:
    save(tmp_path / "elsewhere" / "1.png")
    (classed / "fox").symlink_to(tmp_path / "elsewhere")
    before = digest_of_listing(str(classed))
    save(tmp_path / "elsewhere" / "2.png")
    assert digest_of_listing(str(classed)) != before


def test_a_folder_that_can_not_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be listed"):
        list(walk(tmp_path / "nowhere"))
