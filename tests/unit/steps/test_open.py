from pathlib import Path

import pytest

from lds_mlflow.config import OpenConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.models import is_trainable
from lds_mlflow.steps.open import outside, run
from tests.own import exported_pair, own_weights, write_folder
from tests.unit.steps.surroundings import GivenRun, surroundings


def test_the_model_is_stored_with_what_was_found_of_it(digits: GivenRun, tmp_path: Path) -> None:
    context, own = surroundings({"data": digits})
    sentence = run(OpenConfig(model=str(exported_pair(tmp_path))), context)
    stored = own.values["model"]
    assert stored.digest == own_weights().digest
    assert stored.domain == "images"
    assert not is_trainable(stored)
    assert own.tables["opening.csv"]["question"].tolist()[:3] == ["model", "examples", "latents"]
    assert own.figures["explained"] == 1
    assert own.pictures == {"pictures/real_above_reconstructed.png"}
    assert sentence.startswith("somebody's (licence MIT) of 1x8x8")
    assert context.alarms == []


def test_a_model_of_other_images_stores_nothing(digits: GivenRun, tmp_path: Path) -> None:
    context, own = surroundings({"data": digits})
    exported_pair(tmp_path)
    files = {name: (tmp_path / name).read_bytes() for name in ("encoder.pt2", "decoder.pt2")}
    with pytest.raises(ConfigError, match="resolution"):
        run(OpenConfig(model=str(write_folder(tmp_path, files, example_shape=[1, 16, 16]))), context)
    assert own.values == {}


def test_a_model_whose_files_have_changed_is_another(tmp_path: Path) -> None:
    config = OpenConfig(model=str(exported_pair(tmp_path)))
    before = outside(config)
    (tmp_path / "encoder.pt2").write_bytes(b"other")
    assert outside(config) != before
