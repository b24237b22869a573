from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from lds_mlflow.errors import ConfigError
from lds_mlflow.tracking import Tracker
from tests.unit.tuning.made_up import open_made_up
from tuning.config import TuneConfig
from tuning.retries import tries_of, try_again
from tuning.space import read_space
from tuning.study import budget_of


def _open(config: TuneConfig, tracker: Tracker, **changes: object) -> optuna.Study:
    return open_made_up(config.model_copy(update=changes), tracker)


def test_the_same_name_opens_the_same_study(study_config: TuneConfig, tracker: Tracker) -> None:
    first, second = _open(study_config, tracker), _open(study_config, tracker)
    assert first.user_attrs == second.user_attrs
    assert len(tracker.client.search_runs([tracker.experiment_id])) == 1
    assert len(second.get_trials(states=(TrialState.WAITING,))) == 2


@pytest.mark.parametrize(
    ("changes", "other"),
    [({"ranges": "sigma=loo"}, "space"), ({"space": "finetuning"}, "space"), ({"objectives": "kid"}, "objectives")],
)
def test_another_study_of_the_same_name_is_refused_and_left_as_it_is(
    changes: dict[str, object], other: str, study_config: TuneConfig, tracker: Tracker
) -> None:
    before = _open(study_config, tracker)
    attributes, trials = before.user_attrs, before.get_trials()
    with pytest.raises(ConfigError, match=f"another {other}"):
        _open(study_config, tracker, **changes)
    after = _open(study_config, tracker)
    assert (after.user_attrs, len(after.get_trials())) == (attributes, len(trials))


def test_a_worker_of_another_code_version_is_refused(study_config: TuneConfig, tracker: Tracker) -> None:
    open_made_up(study_config, tracker)
    with pytest.raises(ConfigError, match="another code"):
        open_made_up(study_config, tracker, same="newer")


@pytest.mark.parametrize(
    "storage",
    ["sqlite:////nowhere/at/all.db", "postgresql+psycopg://nobody@127.0.0.1:1/none", "gopher://here", "nonsense"],
)
def test_a_storage_that_does_not_answer_is_named(storage: str, study_config: TuneConfig, tracker: Tracker) -> None:
    with pytest.raises(ConfigError, match=r"storage: found .*expected a database that answers"):
        _open(study_config, tracker, storage=storage)


def test_an_address_with_a_password_is_refused_since_parameters_are_logged(
    study_config: TuneConfig, tracker: Tracker
) -> None:
    with pytest.raises(ConfigError, match="PGPASSWORD") as raised:
        _open(study_config, tracker, storage="postgresql+psycopg://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(raised.value)


def test_a_study_whose_first_command_died_too_early_is_told_apart(
    study_config: TuneConfig, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.study._WAIT_SECONDS", 0)
    optuna.create_study(study_name="lds", storage=study_config.storage)
    with pytest.raises(ConfigError, match="ended before the study was set up"):
        _open(study_config, tracker)


def test_the_budget_is_the_most_that_was_asked_for(study_config: TuneConfig, tracker: Tracker) -> None:
    study = _open(study_config, tracker)
    _open(study_config, tracker, trials=20)
    _open(study_config, tracker, trials=5)
    assert budget_of(study) == 20


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_two_workers_are_suggested_different_points(study_config: TuneConfig, tracker: Tracker) -> None:
    config = study_config.model_copy(update={"ranges": "augment_run=auto"})
    space = read_space(config.space, config.ranges)
    studies = [open_made_up(config, tracker, worker=worker) for worker in range(2)]
    for _ in space.first:
        studies[0].ask()
    points = [space.suggest(study.ask()) for study in studies for _ in range(3)]
    assert len({str(sorted(point.items())) for point in points}) == len(points)


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_what_is_tried_again_has_all_that_it_was_to_have(study_config: TuneConfig, tracker: Tracker) -> None:
    study = _open(study_config, tracker)
    first = study.ask()
    study.tell(first, state=TrialState.FAIL)
    for tries in (2, 3):
        assert try_again(study, study.get_trials()[-1] if tries > 2 else study.get_trials()[0])
        again = study.get_trials()[-1]
        assert again.system_attrs["fixed_params"] == read_space("augmentation").first["the draft"]
        assert (again.user_attrs["label"], tries_of(again)) == ("the draft", tries)
    assert not try_again(study, study.get_trials()[-1])
    assert try_again(study, study.get_trials()[-1], counted=False)


def test_a_file_that_is_no_database_is_refused_and_kept(
    study_config: TuneConfig, tracker: Tracker, tmp_path: Path
) -> None:
    (tmp_path / "notes.db").write_text("not a database" * 100)
    with pytest.raises(ConfigError, match="storage"):
        _open(study_config, tracker, storage=f"sqlite:///{tmp_path / 'notes.db'}")
    assert (tmp_path / "notes.db").read_text() == "not a database" * 100


@pytest.mark.parametrize("objectives", ["density", "beauty", "fid, nearest_ratio", "fid_infinity"])
def test_only_figures_of_which_one_way_is_better_are_searched_by(
    objectives: str, study_config: TuneConfig, tracker: Tracker
) -> None:
    with pytest.raises(ConfigError, match="have a better direction: fid"):
        _open(study_config, tracker, objectives=objectives)
