from pathlib import Path

import pytest

from lds_mlflow.errors import ConfigError
from lds_mlflow.tracking import Tracker
from lds_mlflow.tracking.places import local_places


def test_paths_are_themselves(tmp_path: Path) -> None:
    with local_places(f"{tmp_path}/one, {tmp_path}/other") as places:
        assert places == [tmp_path / "one", tmp_path / "other"]


def test_what_is_empty_between_commas_is_no_place(tmp_path: Path) -> None:
    with local_places(f"{tmp_path}, ,") as places:
        assert places == [tmp_path]


@pytest.mark.parametrize("given", ["", " ", ","])
def test_where_nothing_is_named_there_is_no_place(given: str) -> None:
    with pytest.raises(ConfigError, match="no model"), local_places(given):
        pass


def test_an_address_of_a_run_is_a_copy_for_the_time_being(tracker: Tracker, tmp_path: Path) -> None:
    logged = tmp_path / "logged"
    logged.mkdir()
    (logged / "generator.json").write_text("{}")
    run = tracker.begin("mine", parent=None, values={})
    run.log_folder(logged, "generator")
    run.end("FINISHED")
    with local_places(f"runs:/{run.id}/generator") as (place,):
        assert (place / "generator.json").read_text() == "{}"
    assert not place.exists()


@pytest.mark.parametrize("address", ["models:/nobody/1", "models:/nobody@champion", f"runs:/{'0' * 32}/generator"])
def test_an_address_where_nothing_is_is_named(tracker: Tracker, address: str) -> None:
    with pytest.raises(ConfigError) as caught, local_places(address):
        pass
    assert caught.value.what == f"model={address}"
