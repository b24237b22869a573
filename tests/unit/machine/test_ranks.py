"""Several processes that compute as one, as torchrun starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.ranks import ALONE, Ranks, device_of
from lds_mlflow.training import FitTask, fit
from tests.forks import Forks
from tests.places import ROOT
from tests.ranks_program import PLAN, fitted, images, model_with, rows
from tests.servers import PATIENCE_SECONDS


def _together(forks: Forks, what: str, folder: Path, *, size: int, stop_after: int = 0) -> Any:
    processes = forks.begin_together("tests.ranks_program", what, str(folder), str(stop_after), size=size)
    for process in processes:
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, errors
    return json.loads((folder / "found.json").read_text())


# With three, the order in which gradients are summed shows.
@pytest.mark.parametrize(("kind", "size"), [("adversary", 3), ("exemplar", 2)])
def test_a_fit_by_several_processes_that_was_stopped_resumes_to_the_same_weights(
    forks: Forks, kind: str, size: int, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    whole = _together(forks, kind, tmp_path / "whole", size=size)
    stopped = _together(forks, kind, tmp_path, size=size, stop_after=7)
    resumed = _together(forks, kind, tmp_path, size=size)
    assert (whole["step"], stopped["step"], resumed["step"]) == (12, 7, 12)
    assert resumed == whole


@pytest.mark.parametrize(("kind", "rounding"), [("exemplar", 1e-4), ("free bits", 1e-4), ("lower", 0.1)])
def test_how_many_processes_there_are_changes_roundings_alone(
    forks: Forks, kind: str, rounding: float, tmp_path: Path
) -> None:
    together = _together(forks, kind, tmp_path, size=2)
    (tmp_path / "alone").mkdir()
    alone: Any = fitted(ALONE, kind, tmp_path / "alone", lambda step: False)
    assert len(alone["told"]) == len(together["told"]) >= 4
    for one, other in zip(alone["told"], together["told"], strict=True):
        assert other == pytest.approx(one, rel=rounding)


def test_rows_are_computed_as_by_one_process(forks: Forks, tmp_path: Path) -> None:
    assert _together(forks, "rows", tmp_path, size=2) == rows(ALONE)


def test_who_follows_says_in_a_sentence_that_the_leader_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, "-m", "tests.ranks_program", "failure", str(tmp_path), "0"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode != 0
    assert "WorkerError: the leading process: found that it has ended before its command was finished" in done.stderr


def test_a_batch_that_can_not_be_divided_among_the_processes_is_refused() -> None:
    with pytest.raises(ConfigError, match="12 examples for 5 processes"):
        fit(FitTask(model_with("gaussian"), images(), PLAN), ranks=Ranks(0, 5))


def test_the_mean_over_one_process_is_its_own_gradient() -> None:
    gradients = torch.tensor([1.0, -2.0])
    ALONE.average_(gradients)
    assert gradients.tolist() == [1, -2]


def test_the_device_is_the_one_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert [device_of(wanted) for wanted in ("auto", "cpu", "cuda", "cuda:2")] == ["cuda", "cpu", "cuda", "cuda:2"]


def test_of_several_processes_on_a_machine_each_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert [device_of(wanted) for wanted in ("auto", "cpu", "cuda")] == ["cuda:3", "cpu", "cuda:3"]


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto") == "cpu"
    with pytest.raises(ConfigError, match="torch can use no GPU"):
        device_of("cuda")
