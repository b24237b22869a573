import os
import signal
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from lds_mlflow.errors import DataError, WorkerError
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.workers import Done, number_of_workers, share_tasks
from tests.conftest import MakePipeline

Result = dict[str, str]


def _who(_runner: Runner, task: str) -> Result:
    # Long enough for the other worker to take one too.
    time.sleep(0.5)
    return {task: str(os.getpid())}


def _leave_a_mark(_runner: Runner, folder: Path) -> Result:
    (folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()
    time.sleep(2)
    return {"": ""}


def _say_when(_runner: Runner, task: str) -> Result:
    begun = time.monotonic()
    # The first of the firsts takes long, so that the other worker has done what it may by then.
    time.sleep(2 if task == "a1" else 0.2)
    return {task: f"{begun} {time.monotonic()}"}


def _first_of_its_letter(task: str) -> str | None:
    return None if task.endswith("1") else f"{task[0]}1"


def _fail(_runner: Runner, task: str) -> Result:
    raise DataError(task, found="nothing", expected="something", remedy="Bring it.")


def _die(_runner: Runner, _task: str) -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _see(runner: Runner, task: str) -> Result:
    return {task: runner.tracker.tracking_uri, "batch": str(runner.configs)}


@pytest.fixture
def runner(make_pipeline: MakePipeline) -> Runner:
    return make_pipeline("data").runner


def test_one_worker_is_the_command_itself(runner: Runner) -> None:
    done = list(share_tasks(runner, _who, ["a", "b"], 1))
    assert [one.result for one in done] == [{"a": str(os.getpid())}, {"b": str(os.getpid())}]
    assert [one.task for one in done] == ["a", "b"]
    assert all(0.5 <= one.seconds < 5 for one in done)


def test_several_workers_do_every_task_once_each_with_the_commands_settings(runner: Runner) -> None:
    done = [found for one in share_tasks(runner, _who, list("abcd"), 2) for found in one.result.items()]
    assert sorted(task for task, _ in done) == list("abcd")
    assert str(os.getpid()) not in {process for _, process in done}
    (one, _) = share_tasks(runner, _see, ["a", "b"], 2)
    assert one.result["batch"] == str(runner.configs)
    assert runner.tracker.tracking_uri in one.result.values()


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_task_begins_when_the_one_that_it_waits_for_is_done_and_waits_for_no_other(
    runner: Runner, n_workers: int
) -> None:
    tasks = ["a1", "a2", "b1", "b2", "b3"]
    found = share_tasks(runner, _say_when, tasks, n_workers, after=_first_of_its_letter)
    times = {task: [float(time) for time in when.split()] for one in found for task, when in one.result.items()}
    assert sorted(times) == tasks
    assert all(times[task][0] >= times[f"{task[0]}1"][1] for task in tasks if not task.endswith("1"))
    assert (times["b3"][1] < times["a1"][1]) == (n_workers == 2)


def test_the_error_of_a_task_is_the_commands(runner: Runner) -> None:
    with pytest.raises(DataError, match=r"found nothing; expected something. Bring it\."):
        list(share_tasks(runner, _fail, ["a", "b"], 2))


def test_a_worker_that_is_killed_ends_the_command_and_is_told(runner: Runner) -> None:
    with pytest.raises(WorkerError, match="finished runs are kept"):
        list(share_tasks(runner, _die, ["a", "b"], 2))


def test_workers_end_with_a_command_that_stops_early(runner: Runner) -> None:
    with closing(cast("Generator[Done, None, None]", share_tasks(runner, _who, list("abcdef"), 2))) as tasks:
        process = int(next(iter(next(tasks).result.values())))
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{process}").exists()


def test_workers_of_a_command_that_stops_begin_nothing_more(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    tasks = share_tasks(runner, _leave_a_mark, [tmp_path / "marks"] * 12, 2)
    with closing(cast("Generator[Done, None, None]", tasks)):
        next(tasks)
        time.sleep(0.5)
    begun = len(list((tmp_path / "marks").iterdir()))
    time.sleep(3)
    assert len(list((tmp_path / "marks").iterdir())) == begun <= 4


def test_the_number_of_workers_is_that_of_the_cores_or_as_asked_for() -> None:
    assert number_of_workers(3, "cuda") == 3
    assert number_of_workers(0, "cuda") == 1
    assert 1 <= number_of_workers(0, "cpu") <= 4
