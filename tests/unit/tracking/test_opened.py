import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lds_mlflow.errors import ArtifactError, TrackingError
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.serving.sampler import digest_of_sampler
from lds_mlflow.store import save_value
from lds_mlflow.tracking import Tracker, tags
from lds_mlflow.tracking.opened import OpenedModel, open_registered
from tests.tiny import SPEC


@pytest.fixture
def files(model_path: str, tmp_path: Path) -> Path:
    """The folder of a model, for someone to change it."""
    return Path(shutil.copytree(model_path, tmp_path / "model"))


def _opened(files: Path) -> OpenedModel:
    return open_registered(str(files))


@pytest.fixture
def version(files: Path, tracker: Tracker) -> str:
    """The address of the model as a registered version."""
    tracker.client.create_registered_model("faces")
    noted = {tags.VALUES: digest_of_sampler(files / "data" / "values")}
    tracker.client.create_model_version("faces", str(files), "r", tags=noted)
    tracker.client.set_registered_model_alias("faces", "challenger", "1")
    return "models:/faces@challenger"


def _seeds(opened: OpenedModel) -> list[int]:
    answer: Any = opened.model.predict([3, 4])
    found: list[int] = answer["seed"].tolist()
    return found


def _edit(path: Path, change: Callable[[dict[str, object]], None]) -> None:
    content = yaml.safe_load(path.read_text())
    change(content["flavors"]["python_function"])
    path.write_text(yaml.safe_dump(content))


def test_a_version_is_opened_with_what_is_known_of_it(version: str) -> None:
    opened = open_registered(version)
    assert opened.facts == {"name": "faces", "version": "1", "champion": ""}
    assert opened.version == "faces/1"
    assert _seeds(opened) == [3, 4]


@pytest.mark.parametrize(
    "place", ["code/lds_mlflow/__init__.py", "code/lds_mlflow/tracking/pyfunc_model.py", "code/sitecustomize.py"]
)
def test_code_in_a_model_is_not_imported(files: Path, place: str, tmp_path: Path) -> None:
    (files / place).parent.mkdir(parents=True)
    (files / place).write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\nraise SystemExit\n")
    (files / "code" / "h5py.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\n")
    _edit(files / "MLmodel", lambda flavor: flavor.update(code="code"))
    path = list(sys.path)
    assert _seeds(_opened(files)) == [3, 4]
    assert not (tmp_path / "executed").exists()
    assert sys.path == path


@pytest.mark.parametrize("loader", ["mlflow.sklearn", "os", "evil", "lds_mlflow.tracking.pyfunc_model.evil"])
def test_a_model_that_says_that_something_else_loads_it_is_refused(files: Path, loader: str) -> None:
    _edit(files / "MLmodel", lambda flavor: flavor.update(loader_module=loader))
    with pytest.raises(TrackingError, match=f"found a model that {loader} loads; expected a model of this project"):
        _opened(files)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "flavors: {sklearn: {}}", "[" * 9_999, "!!python/object/apply:os.system ['true']", "\x00", "a: &a [*a]"],
)
def test_a_description_that_is_none_is_refused(files: Path, text: str) -> None:
    (files / "MLmodel").write_text(text)
    with pytest.raises(TrackingError, match="no description that can be read"):
        _opened(files)


@pytest.mark.parametrize("place", ["../..", "/etc", "data/../../x"])
def test_values_outside_of_a_model_are_not_read(files: Path, place: str) -> None:
    _edit(files / "MLmodel", lambda flavor: flavor.update(data=place))
    with pytest.raises(TrackingError, match="values outside of the model"):
        _opened(files)


def test_values_that_were_exchanged_for_sound_ones_are_refused(version: str, files: Path) -> None:
    save_value(VAE.initialised(SPEC, 1).to_weights(), files / "data" / "values" / "weights")
    with pytest.raises(TrackingError, match="another digest than those that were registered"):
        open_registered(version)


def test_a_value_that_was_changed_is_refused(files: Path) -> None:
    (manifest,) = files.glob("data/*/density/manifest.json")
    content = json.loads(manifest.read_text())
    content["fields"]["name"] = "another"
    manifest.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="another digest"):
        _opened(files)


def test_a_version_without_a_note_of_its_values_is_older_and_is_opened(version: str, tracker: Tracker) -> None:
    tracker.client.delete_model_version_tag("faces", "1", tags.VALUES)
    assert open_registered(version).version == "faces/1"
