from pathlib import Path

import optuna
import pytest

from lds_mlflow.errors import ConfigError
from tuning.storage import open_storage, swap_attribute


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'tuning.db'}"


def _nobody(_run_id: str) -> None:
    raise AssertionError("no trial is stale")


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_new_storage_is_laid_out_and_a_study_is_found_in_it_again(address: str) -> None:
    optuna.create_study(study_name="lds", storage=open_storage(address, _nobody, 60))
    found = optuna.load_study(study_name="lds", storage=open_storage(address, _nobody, 60))
    assert found.study_name == "lds"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://me:secret@host/name",
        "sqlite://:secret@/tuning.db",
        "postgresql://me:se/secret @host/name",
        "postgresql://me:se@secret@host/name",
        "postgresql+psycopg://host/name?user=me&PASSWORD=secret",
        "postgresql://host/name?sslpassword=secret",
        "sqlite:///tuning.db?pwd=secret",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dsecret",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_told(address: str) -> None:
    with pytest.raises(ConfigError, match="an address with a password") as caught:
        open_storage(address, _nobody, 60)
    assert "secret" not in str(caught.value)


def test_a_password_that_mlflow_run_has_logged_already_is_to_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "12ab")
    with pytest.raises(ConfigError, match=r"Change this password.*runs delete --run-id 12ab.*gc --run-ids 12ab"):
        open_storage("sqlite:///tuning.db?password=secret", _nobody, 60)


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(ConfigError, match="storage: found nowhere"):
        open_storage("nowhere", _nobody, 60)


def test_an_attribute_is_swapped_only_where_it_is_what_was_expected(address: str) -> None:
    study = optuna.create_study(study_name="lds", storage=address)
    study.set_user_attr("lead", "one")
    assert swap_attribute(address, "lds", "lead", "one", "two")
    assert not swap_attribute(address, "lds", "lead", "one", "three")
    assert optuna.load_study(study_name="lds", storage=address).user_attrs["lead"] == "two"


def test_an_attribute_of_another_study_stays_as_it_is(address: str) -> None:
    for name in ("lds", "other"):
        optuna.create_study(study_name=name, storage=address).set_user_attr("lead", "one")
    assert swap_attribute(address, "lds", "lead", "one", "two")
    assert optuna.load_study(study_name="other", storage=address).user_attrs["lead"] == "one"
