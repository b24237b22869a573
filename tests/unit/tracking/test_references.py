import pytest

from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import Tracker
from lds_mlflow.tracking.references import run_id_of


def test_a_run_is_found_by_its_first_digits_in_whichever_experiment_it_is(tracker: Tracker) -> None:
    elsewhere = tracker.client.create_experiment("elsewhere")
    run_id = str(tracker.client.create_run(elsewhere).info.run_id)
    assert run_id_of(tracker.client, run_id[:8]) == run_id


@pytest.mark.parametrize("reference", ["{}", "runs:/{}", "runs:/{}/model"])
def test_an_id_and_an_address_name_a_run_without_asking_the_store(tracker: Tracker, reference: str) -> None:
    assert run_id_of(tracker.client, reference.format("0" * 32)) == "0" * 32


def test_digits_that_no_run_begins_with_stay_what_they_are(tracker: Tracker) -> None:
    assert run_id_of(tracker.client, "01234567") == "01234567"


def test_a_model_that_nobody_has_registered_is_named(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match="registered model faces"):
        run_id_of(tracker.client, "models:/faces/1")
