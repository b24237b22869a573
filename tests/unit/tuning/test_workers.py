"""Several workers of one study, some of which are killed."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from lds_mlflow.tracking import Tracker
from tests.forks import Forks
from tests.servers import PATIENCE_SECONDS

TRIALS, WORKERS, KILLED = 20, 4, 2


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_killed_workers_cost_no_trial_and_none_is_run_twice(
    kind: str, request: pytest.FixtureRequest, forks: Forks, tracker: Tracker, tmp_path: Path
) -> None:
    address = request.getfixturevalue("postgres") if kind == "postgres" else f"sqlite:///{tmp_path / 'tuning.db'}"
    command = ["tests.unit.tuning.made_up", address, str(TRIALS)]
    workers = [forks.begin(*command, environment=os.environ) for _ in range(WORKERS)]
    try:
        storage = _laid_out_by_the_workers(address)
        for worker in workers[:KILLED]:
            _wait_for_a_trial(storage)
            time.sleep(random.random())
            worker.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.communicate(timeout=PATIENCE_SECONDS)
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers[KILLED:]] == [0] * (WORKERS - KILLED)
    trials = optuna.load_study(study_name="lds", storage=storage).get_trials()
    storage.remove_session()
    storage.engine.dispose()
    states = Counter(trial.state for trial in trials)
    assert states[TrialState.COMPLETE] + states[TrialState.PRUNED] == TRIALS
    assert states[TrialState.RUNNING] == states[TrialState.WAITING] == 0
    _require_runs(tracker, trials)


def _laid_out_by_the_workers(address: str) -> RDBStorage:
    engine = sqlalchemy.create_engine(address)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if sqlalchemy.inspect(engine).has_table("studies"):
            with engine.connect() as connection:
                if connection.execute(sqlalchemy.text("SELECT * FROM studies")).first():
                    break
        time.sleep(0.05)
    engine.dispose()
    return RDBStorage(address)


def _wait_for_a_trial(storage: RDBStorage) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        studies = storage.get_all_studies()
        if studies and storage.get_all_trials(studies[0]._study_id, states=(TrialState.RUNNING,)):
            return
        storage.remove_session()
        time.sleep(0.1)
    raise TimeoutError("no trial was begun")


def _require_runs(tracker: Tracker, trials: list[optuna.trial.FrozenTrial]) -> None:
    """Every trial that was begun has a run of its own, under the study's, in the trial's state."""
    wanted = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "KILLED"}
    runs = {run.info.run_id: run for run in tracker.client.search_runs([tracker.experiment_id])}
    of_trials = [trial.user_attrs["run"] for trial in trials if "run" in trial.user_attrs]
    assert len(set(of_trials)) == len(of_trials)
    for trial in trials:
        if "run" in trial.user_attrs:
            run = runs[trial.user_attrs["run"]]
            assert run.info.status == wanted[trial.state]
            assert run.data.tags["mlflow.parentRunId"] in runs
    # A worker may be killed between the beginning of its run and the note of it in the storage.
    left = [run for run in runs.values() if run.info.status == "RUNNING" and "mlflow.parentRunId" in run.data.tags]
    tracker.end_orphans()
    assert len(left) <= KILLED
    statuses = {tracker.client.get_run(run.info.run_id).info.status for run in left}
    assert statuses <= {"KILLED"}
