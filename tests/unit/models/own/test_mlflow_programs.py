from pathlib import Path

import pytest
import yaml

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.mlflow_programs import read_mlflow
from lds_mlflow.models.own.pair import ExportedPair
from tests.own import FACTS, SHAPE, programs


def mlflow_model(folder: Path, content: bytes, **metadata: object) -> Path:
    """Writes what mlflow.pytorch.save_model(..., serialization_format="pt2") does, as far as it is read."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "model.pt2").write_bytes(content)
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"pytorch": {}}, "metadata": metadata or None}))
    return folder


def test_two_models_are_a_pair(tmp_path: Path) -> None:
    encoder, decoder = (mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs()))
    pair = ExportedPair(read_mlflow(encoder, decoder, SHAPE))
    assert (pair.facts.latent_shape, pair.facts.value_range) == (FACTS.latent_shape, (-1, 1))


def test_the_metadata_say_the_range_the_name_and_the_licence(tmp_path: Path) -> None:
    encoder = mlflow_model(tmp_path / "0", programs()[0], value_range=[0, 1], name="faces", licence="MIT")
    facts = ExportedPair(read_mlflow(encoder, mlflow_model(tmp_path / "1", programs()[1]), SHAPE)).facts
    assert (facts.value_range, facts.name, facts.licence) == ((0, 1), "faces", "MIT")


def test_a_model_that_is_saved_as_a_pickle_is_refused(tmp_path: Path) -> None:
    folders = [mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs())]
    (folders[1] / "data" / "model.pt2").rename(folders[1] / "data" / "model.pth")
    with pytest.raises(ArtifactError, match=r"no data/model\.pt2"):
        read_mlflow(folders[0], folders[1], SHAPE)


def test_an_encoder_of_other_examples_is_refused(tmp_path: Path) -> None:
    folders = [mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs())]
    with pytest.raises(ArtifactError, match="the encoder"):
        read_mlflow(folders[0], folders[1], (3, 4))
