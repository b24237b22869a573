from pathlib import Path

import pytest

from lds_mlflow.choices.data_sources import A_PATH, DATA_SOURCES, DIGITS, MOLECULES, data_source_of, forms, name_of


@pytest.mark.parametrize(
    ("data", "name", "place"),
    [
        ("digits", DIGITS, ""),
        ("torchvision:MNIST:/data", "torchvision", "MNIST:/data"),
        ("torchvision:MNIST", "torchvision", "MNIST"),
        ("/pictures", A_PATH, "/pictures"),
        ("digits-scanned", A_PATH, "digits-scanned"),
        ("digits:old", A_PATH, "digits:old"),
        ("torchvision", A_PATH, "torchvision"),
        ("c:/pictures.zip", A_PATH, "c:/pictures.zip"),
        ("molecules", MOLECULES, ""),
        ("molecules:list.txt", MOLECULES, "list.txt"),
        ("/data/hits.csv", MOLECULES, "/data/hits.csv"),
        ("hits.SMI", MOLECULES, "hits.SMI"),
    ],
)
def test_a_value_names_a_source_and_a_place(data: str, name: str, place: str) -> None:
    assert data_source_of(data) == (DATA_SOURCES[name], place)


def test_only_known_data_sets_are_bundled() -> None:
    assert [name for name, source in DATA_SOURCES.items() if source.is_bundled] == [DIGITS, "torchvision"]


def test_the_phrase_of_all_sources_says_how_each_is_written() -> None:
    assert forms() == (
        "digits (scikit-learn's); a folder or a zip of images or sound; "
        "torchvision:NAME:FOLDER (as torchvision stores it); "
        "molecules[:FILE] (SMILES)"
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("digits", "digits"),
        ("torchvision:FashionMNIST:/data/sets", "FashionMNIST"),
        ("/pictures/faces64", "faces64"),
        ("/pictures/faces64/", "faces64"),
        ("pictures/cats.and.dogs", "cats.and.dogs"),
        ("/pictures/faces.ZIP", "faces"),
        ("digits:1", "digits:1"),
        ("/", "data"),
        ("molecules", "molecules"),
        ("molecules:/data/hits.txt", "hits.txt"),
        ("/data/hits.csv", "hits"),
    ],
)
def test_data_is_called_by_its_name_or_by_that_of_its_folder(data: str, name: str) -> None:
    assert name_of(data) == name


def test_a_folder_that_is_named_by_a_dot_has_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert name_of(".") == tmp_path.name
    assert len(name_of("x" * 300)) == 100
