from pathlib import Path

import pytest

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.sources import pickles_beside, read_generator
from tests.own import SHAPE, exported_pair, own_weights, programs
from tests.unit.models.own.test_mlflow_programs import mlflow_model


def test_a_pair_is_read_by_its_folder(tmp_path: Path) -> None:
    assert read_generator([exported_pair(tmp_path)], SHAPE).digest == own_weights().digest


def test_two_models_of_mlflow_are_a_pair(tmp_path: Path) -> None:
    folders = [mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs())]
    assert read_generator(folders, SHAPE).digest == own_weights().digest


def test_a_folder_of_diffusers_is_known_by_its_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"_class_name": "UNet2DModel"}')
    with pytest.raises(ArtifactError, match="a model of the class UNet2DModel"):
        read_generator([tmp_path], SHAPE)


@pytest.mark.parametrize(
    ("name", "found", "remedy"),
    [
        ("stylegan2-ffhq.pkl", "a pickle, which can run any code", "torch.export"),
        ("model.pt", "a pickle", "torch.export"),
        ("notes.txt", "a file", "torch.export"),
    ],
)
def test_a_file_is_refused_with_what_it_is(tmp_path: Path, name: str, found: str, remedy: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ArtifactError) as caught:
        read_generator([tmp_path / name], SHAPE)
    assert found in caught.value.found
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (("model.pt", "model_config.json", "environment.json"), "a model of pythae, whose weights are a pickle"),
        (("MLmodel",), "one model of MLflow, which has one function"),
        (("network.pkl",), "a folder with network.pkl"),
        ((), "a folder with nothing in it"),
    ],
)
def test_a_folder_that_is_no_generator_is_refused_with_what_it_is(
    tmp_path: Path, files: tuple[str, ...], found: str
) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ArtifactError) as caught:
        read_generator([tmp_path], SHAPE)
    assert caught.value.found == found


def test_a_place_where_nothing_is_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nowhere: found nothing"):
        read_generator([tmp_path / "nowhere"], SHAPE)


def test_pickles_that_are_not_read_are_named(tmp_path: Path) -> None:
    for name in ("b.bin", "a.pkl", "c.safetensors"):
        (tmp_path / name).write_bytes(b"")
    assert pickles_beside([tmp_path]) == ["a.pkl", "b.bin"]
