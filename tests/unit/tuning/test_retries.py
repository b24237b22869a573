import optuna
import pytest
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from tuning.retries import MOST_TRIES, RUN, StaleTrials, tries_of, try_again

# As open_study has it: the project relies on these parts of Optuna.
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def study() -> Study:
    return optuna.create_study()


def _failed(study: Study) -> FrozenTrial:
    """Asks for a trial, gives it a parameter, and fails it."""
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    return study.tell(trial, state=TrialState.FAIL)


def test_a_trial_that_failed_is_tried_again_with_its_parameters(study: Study) -> None:
    failed = _failed(study)
    assert (tries_of(failed), try_again(study, failed)) == (1, True)
    again = study.ask()
    assert again.suggest_float("x", 0, 1) == failed.params["x"]
    assert tries_of(study.get_trials()[again.number]) == 2


def test_parameters_are_tried_three_times_and_no_more(study: Study) -> None:
    trial, tried = _failed(study), 1
    while try_again(study, trial):
        trial, tried = _failed(study), tried + 1
    assert tried == MOST_TRIES == tries_of(trial)
    assert study.get_trials(states=(TrialState.WAITING,)) == []


def test_a_try_that_does_not_count_is_never_the_last(study: Study) -> None:
    trial = _failed(study)
    for _ in range(2 * MOST_TRIES):
        assert try_again(study, trial, counted=False)
        trial = _failed(study)
    assert tries_of(trial) == 1


def test_a_trial_keeps_its_label(study: Study) -> None:
    study.enqueue_trial({"x": 0.25}, user_attrs={"label": "the control"})
    try_again(study, _failed(study))
    assert study.get_trials()[-1].user_attrs["label"] == "the control"


def test_a_trial_that_never_got_to_its_run_is_failed_and_tried_again(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.retries._SECONDS_TO_BEGIN", -1.0)
    begun, running = study.ask(), study.ask()
    begun.suggest_float("x", 0, 1)
    running.set_user_attr(RUN, "0123")
    StaleTrials(study).fail()
    states = [trial.state for trial in study.get_trials()]
    assert states == [TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]


def test_a_trial_that_has_just_begun_is_left_alone(study: Study) -> None:
    study.ask()
    StaleTrials(study).fail()
    assert [trial.state for trial in study.get_trials()] == [TrialState.RUNNING]
