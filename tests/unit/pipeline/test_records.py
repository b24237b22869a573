import pytest

from lds_mlflow.config import DataConfig, EvaluateConfig, TrainConfig, parse, parse_all
from lds_mlflow.pipeline.records import Ending, figures_in, in_lines, log_parameters, note_version
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from tests.unit.steps.surroundings import GivenRun


@pytest.mark.parametrize(("error", "status"), [(ValueError("too small"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_a_run_ends_with_what_left_its_block(tracker: Tracker, error: BaseException, status: str) -> None:
    run = tracker.begin("a run", parent=None, values={})
    with pytest.raises(type(error)), Ending(run):
        raise error
    found = tracker.client.get_run(run.id)
    assert found.info.status == status
    assert found.data.tags.get(tags.ERROR) == ("ValueError: too small" if status == "FAILED" else None)


def test_a_run_that_failed_does_not_tell_a_password(tracker: Tracker) -> None:
    run = tracker.begin("a run", parent=None, values={})
    with pytest.raises(ValueError, match="secret"), Ending(run):
        raise ValueError("no answer from http://me:secret@host")
    assert "secret" not in tracker.client.get_run(run.id).data.tags[tags.ERROR]


def test_a_run_that_has_ended_stays_as_it_ended(tracker: Tracker) -> None:
    run = tracker.begin("a run", parent=None, values={})
    run.end("FINISHED")
    with pytest.raises(ValueError, match="afterwards"), Ending(run):
        raise ValueError("afterwards")
    assert tracker.client.get_run(run.id).info.status == "FINISHED"


def test_lines_of_a_sentence_are_lines_in_markdown() -> None:
    assert in_lines("one\ntwo") == "one\n\ntwo"


def test_parameters_are_listed_that_people_set_or_that_are_not_defaults(tracker: Tracker) -> None:
    run = tracker.begin("a run", parent=None, values={})
    configs = parse_all((DataConfig, TrainConfig), {"train_seed": 3, "data_run": "1234abcd", "tolerated": "0.01"})
    log_parameters(run, *configs.all)
    run.end("FINISHED")
    found = FinishedRun(tracker.client.get_run(run.id), tracker.tracking_uri)
    assert found.entity.data.params == {"data": "digits", "train_steps": "auto", "train_seed": "3"}
    everything = configs[DataConfig].model_dump() | configs[TrainConfig].model_dump()
    assert set(found.params) == set(everything)
    assert (found.params["data_run"], found.params["tolerated"]) == ("1234abcd", "0.01")


def test_parameters_without_a_single_value_are_not_noted(tracker: Tracker) -> None:
    run = tracker.begin("a run", parent=None, values={})
    log_parameters(run, parse(EvaluateConfig, {}), settled={"sampler", "balance"})
    params = FinishedRun(tracker.client.get_run(run.id), tracker.tracking_uri).params
    assert "features" in params
    assert "part" in params
    assert not {"sampler", "balance"} & set(params)


def test_figures_of_the_machine_are_not_those_of_a_result() -> None:
    given = GivenRun("train", metrics={"loss": 1.0, "seconds": 2.0, "system/cpu": 3.0})
    assert figures_in(given) == {"loss": 1.0}


def test_a_version_is_noted_once_on_each_run_that_it_was_made_of(tracker: Tracker) -> None:
    runs = [tracker.begin(name, parent=None, values={tags.FINGERPRINT: name}) for name in ("finetune", "register")]
    for run in runs:
        run.log_note("What it is.")
        run.end("FINISHED")
    for _ in range(2):
        note_version(tracker, [tracker.open(run.id) for run in runs], "faces/3")
    notes = {tracker.open(run.id).note for run in runs}
    assert notes == {
        "What it is.\n\nRegistered as [faces version 3](#/models/faces/versions/3?workflowType=machine_learning)."
    }
