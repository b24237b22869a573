from collections.abc import Callable, Mapping

import pytest
from mlflow.exceptions import MlflowException
from optuna.study import Study
from optuna.trial import TrialState

from lds_mlflow.errors import ConfigError, DataError, Interrupted, SelectionError
from lds_mlflow.tracking import Run, Tracker
from tests.unit.tuning.conftest import MakeWorker
from tests.unit.tuning.made_up import MadeUpBench
from tuning.bench import PARTS
from tuning.config import TuneConfig
from tuning.space import Value
from tuning.study import finished
from tuning.work import Worker

NO_A = SelectionError("no A", found="none", expected="some", remedy="Lower tau.")


def _bench(worker: Worker) -> MadeUpBench:
    assert isinstance(worker.bench, MadeUpBench)
    return worker.bench


def test_a_study_has_its_trials_and_no_more(make_worker: MakeWorker, study_config: TuneConfig) -> None:
    worker = make_worker(study_config)
    worker.work()
    worker.work()
    assert len(worker.study.get_trials()) == len(finished(worker.study)) == study_config.trials


def test_the_draft_is_tried_first_and_the_control_second(make_worker: MakeWorker, study_config: TuneConfig) -> None:
    worker = make_worker(study_config.model_copy(update={"trials": 2}))
    worker.work()
    draft, control = worker.study.get_trials()
    assert (draft.params["selection"], draft.params["top_fraction"], draft.params["sigma"]) == ("top", 0.2, "norm/5")
    assert control.params == {"augment_run": "none"}


def test_every_trial_is_a_run_under_the_studys_with_its_parameters_values_and_picture(
    make_worker: MakeWorker, study_config: TuneConfig, tracker: Tracker
) -> None:
    worker = make_worker(study_config)
    worker.work()
    for trial in worker.study.get_trials():
        run = tracker.client.get_run(trial.user_attrs["run"])
        assert run.data.tags["mlflow.parentRunId"] == worker.study.user_attrs["run"]
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}
        assert run.info.status == {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}[trial.state.name]
        if trial.state == TrialState.COMPLETE and "lds.same_as" not in run.data.tags:
            assert run.data.metrics["fid"] == pytest.approx(trial.value)
            assert [item.path for item in tracker.client.list_artifacts(run.info.run_id)] == ["pictures"]


def test_what_was_tried_already_is_answered_from_the_record(
    make_worker: MakeWorker, study_config: TuneConfig, tracker: Tracker
) -> None:
    # Two points: all trials after them are one of these.
    config = study_config.model_copy(
        update={"space": "sampling", "ranges": "sampler=prior|density, sampler_sigma=norm/5, sampler_kernel=isotropic"}
    )
    worker = make_worker(config)
    worker.work()
    complete = worker.study.get_trials(states=(TrialState.COMPLETE,))
    assert _bench(worker).calls == 2 * config.seeds
    twins = [trial for trial in complete if "lds.same_as" in tracker.client.get_run(trial.user_attrs["run"]).data.tags]
    assert len(twins) == config.trials - 2
    assert {trial.value for trial in complete} == {13.5}


def test_a_pruned_trial_is_answered_from_the_record_too(
    make_worker: MakeWorker, study_config: TuneConfig, tracker: Tracker
) -> None:
    config = study_config.model_copy(
        update={"space": "sampling", "ranges": "sampler=prior|density, sampler_sigma=norm/5, sampler_kernel=isotropic"}
    )
    worker = make_worker(config, error=NO_A)
    worker.work()
    assert _bench(worker).calls == 2
    trials = worker.study.get_trials(states=(TrialState.PRUNED,))
    assert len(trials) == config.trials
    last = tracker.client.get_run(trials[-1].user_attrs["run"])
    assert "with the same parameters was pruned" in last.data.tags["lds.sentence"]


def test_a_sampler_that_repeats_itself_is_not_the_end_of_a_search(
    make_worker: MakeWorker, study_config: TuneConfig
) -> None:
    # Of two dozen points one is far better: TPE comes back to it again and again.
    config = study_config.model_copy(update={"space": "sampling", "ranges": "sampler_components=2:3", "trials": 36})
    worker = make_worker(config, fid=lambda values, seed: 1.0 if values["sampler"] == "prior" else 9.0)
    worker.work()
    points = {str(sorted(trial.params.items())) for trial in worker.study.get_trials()}
    assert len(points) >= 10
    assert _bench(worker).calls == config.seeds * len(points)


def test_the_control_is_tried_once_where_it_is_one_point(make_worker: MakeWorker, study_config: TuneConfig) -> None:
    worker = make_worker(study_config.model_copy(update={"trials": 16}), fid=_best_without_a)
    worker.work()
    params = [trial.params["augment_run"] for trial in worker.study.get_trials()]
    assert params.count("none") == 1


def _best_without_a(values: Mapping[str, Value], seed: int) -> float:
    return 1.0 if values["augment_run"] == "none" else 2.0


def test_a_trial_that_can_not_win_ends_early(make_worker: MakeWorker, study_config: TuneConfig) -> None:
    config = study_config.model_copy(update={"seeds": 8, "trials": 2})
    worker = make_worker(config, fid=lambda values, seed: 1.0 + seed if values["augment_run"] == "auto" else 9.0 + seed)
    worker.work()
    better, worse = worker.study.get_trials()
    assert (better.state, worse.state) == (TrialState.COMPLETE, TrialState.PRUNED)
    assert len(worse.intermediate_values) < len(better.intermediate_values) == PARTS * config.seeds


def test_parameters_that_give_no_a_end_a_trial_and_not_the_study(
    make_worker: MakeWorker, study_config: TuneConfig, tracker: Tracker
) -> None:
    worker = make_worker(study_config, error=NO_A)
    worker.work()
    trials = worker.study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.PRUNED] * study_config.trials
    run = tracker.client.get_run(trials[0].user_attrs["run"])
    assert (run.info.status, "no A: found none" in run.data.tags["lds.sentence"]) == ("KILLED", True)


def test_a_trial_that_fails_is_tried_again_and_then_the_error_is_the_commands(
    make_worker: MakeWorker, study_config: TuneConfig, tracker: Tracker
) -> None:
    worker = make_worker(study_config, error=OSError("the disk is gone"))
    with pytest.raises(OSError, match="the disk is gone"):
        worker.work()
    trials = worker.study.get_trials(states=(TrialState.FAIL,))
    assert len({str(sorted(trial.params.items())) for trial in trials}) < len(trials)
    runs = [tracker.client.get_run(trial.user_attrs["run"]) for trial in trials]
    assert {run.info.status for run in runs} == {"FAILED"}
    assert all("OSError: the disk is gone" in run.data.tags["lds.sentence"] for run in runs)


def test_what_the_user_can_mend_stops_the_study_at_once(make_worker: MakeWorker, study_config: TuneConfig) -> None:
    wrong = DataError("the images", found="none", expected="some", remedy="Bring them.")
    worker = make_worker(study_config, error=wrong)
    with pytest.raises(DataError, match="Bring them"):
        worker.work()
    (failed,) = worker.study.get_trials(states=(TrialState.FAIL,))
    again = make_worker(study_config)
    again.work()
    assert any(trial.params == failed.params for trial in finished(again.study))


def _refuse(*_: object, **__: object) -> None:
    raise MlflowException("(sqlite3.OperationalError) database is locked")


@pytest.mark.parametrize("of", ["begin", "log_params", "log_picture", "end"])
def test_a_tracking_store_that_refuses_a_trial_costs_neither_the_draft_nor_the_control(
    of: str, make_worker: MakeWorker, study_config: TuneConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = study_config.model_copy(update={"trials": 3})
    worker = make_worker(config)
    with monkeypatch.context() as patch:
        patch.setattr(Tracker if of == "begin" else Run, of, _refuse)
        with pytest.raises(MlflowException):
            worker.work()
    again = make_worker(config)
    again.work()
    found = [trial.params for trial in finished(again.study)]
    assert len(found) == 3
    assert {"augment_run": "none"} in found
    assert any(params.get("sigma") == "norm/5" for params in found)
    assert not again.study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))


def test_a_stopped_trial_is_tried_again_by_who_goes_on(
    make_worker: MakeWorker, study_config: TuneConfig, tracker: Tracker
) -> None:
    def stop(values: object, seed: int) -> float:
        raise Interrupted(2)

    worker = make_worker(study_config, fid=stop)
    with pytest.raises(Interrupted):
        worker.work()
    (stopped,) = worker.study.get_trials(states=(TrialState.FAIL,))
    assert tracker.client.get_run(stopped.user_attrs["run"]).info.status == "KILLED"
    again = make_worker(study_config)
    again.work()
    assert len(finished(again.study)) == study_config.trials
    assert any(trial.params == stopped.params for trial in finished(again.study))


@pytest.mark.parametrize("copies", [{"ratio": 0.5}, {"tail_share": 0.5}])
def test_samples_that_copy_do_not_lead(
    make_worker: MakeWorker, study_config: TuneConfig, copies: dict[str, float]
) -> None:
    worker = make_worker(study_config, **copies)
    worker.work()
    with pytest.raises(ValueError, match="feasible"):
        assert worker.study.best_trial


def test_of_several_objectives_no_trial_is_given_up(make_worker: MakeWorker, study_config: TuneConfig) -> None:
    config = study_config.model_copy(update={"objectives": "fid, coverage"})
    worker = make_worker(config)
    worker.work()
    assert all(len(trial.values) == 2 for trial in worker.study.get_trials(states=(TrialState.COMPLETE,)))
    assert not worker.study.get_trials(states=(TrialState.PRUNED,))


def test_a_figure_that_can_not_be_measured_is_named(make_worker: MakeWorker, study_config: TuneConfig) -> None:
    worker = make_worker(study_config.model_copy(update={"objectives": "class_share_gap_corrected"}))
    with pytest.raises(ConfigError, match="class_share_gap_corrected, which can't be measured"):
        worker.work()


def test_what_fails_by_its_parameters_ends_a_trial_once_others_could_do(
    make_worker: MakeWorker, study_config: TuneConfig
) -> None:
    def fails_with_a(values: Mapping[str, Value], seed: int) -> float:
        if values["augment_run"] == "auto" and values["sigma"] != "norm/5":
            raise DataError("sigma", found="too few latents", expected="more", remedy="Bring them.")
        return 1.0

    worker = make_worker(study_config, fid=fails_with_a)
    worker.work()
    assert worker.study.get_trials(states=(TrialState.PRUNED,))
    assert len(finished(worker.study)) == study_config.trials


def test_a_trial_that_others_took_over_does_not_end_its_worker(
    make_worker: MakeWorker, study_config: TuneConfig, tracker: Tracker
) -> None:
    taken: list[int] = []

    def lose_the_first(values: Mapping[str, Value], seed: int) -> float:
        (running,) = worker.study.get_trials(states=(TrialState.RUNNING,))
        if not taken:
            taken.append(running.number)
            worker.study.tell(running.number, state=TrialState.FAIL)
        return 1.0

    worker = make_worker(study_config, fid=lose_the_first)
    worker.work()
    run = tracker.client.get_run(worker.study.get_trials()[taken[0]].user_attrs["run"])
    assert run.info.status == "KILLED"
    assert len(finished(worker.study)) == study_config.trials


def test_more_trials_go_on_with_a_finished_study(
    make_worker: MakeWorker, study_config: TuneConfig, open_study_of: Callable[[TuneConfig], Study]
) -> None:
    make_worker(study_config).work()
    more = study_config.model_copy(update={"trials": study_config.trials + 3})
    make_worker(more).work()
    assert len(finished(open_study_of(more))) == more.trials
