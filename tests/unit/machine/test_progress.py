import io
import sys
from typing import Any

import pytest
from tqdm import tqdm

from lds_mlflow.machine import progress
from lds_mlflow.machine.progress import progress_bar


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _work(monkeypatch: pytest.MonkeyPatch, *, seconds_of_one: float, n: int = 100) -> list[str]:
    log, clock = io.StringIO(), _Clock()
    monkeypatch.setattr(sys, "stderr", log)
    with progress_bar(n, "training", unit="step") as bar:
        for name, value in {"_time": clock, "start_t": clock.now, "last_print_t": clock.now}.items():
            monkeypatch.setattr(bar, name, value)
        for _ in range(n):
            clock.now += seconds_of_one
            bar.update()
    return log.getvalue().splitlines()


def test_where_the_output_is_no_terminal_every_tenth_of_the_work_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _work(monkeypatch, seconds_of_one=6.0)
    assert [line.split()[1] for line in lines] == [f"{10 * tenth}%" for tenth in range(1, 10)]
    assert lines[4] == "training: 50% done, about 5 min left"


def test_short_work_writes_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _work(monkeypatch, seconds_of_one=0.01) == []


def test_lines_are_ten_seconds_apart_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_work(monkeypatch, seconds_of_one=0.3)) == 2


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar(2, "encoding", unit="row") as bar:
        bar.update(2)
    assert type(bar) is tqdm
    assert "encoding: 100%" in terminal.getvalue()


@pytest.mark.parametrize("values", [{"total": 0}, {"total": 5, "done": 5}])
def test_work_of_which_nothing_is_left_writes_nothing(monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with progress.progress_bar(description="encoding", unit="row", **values):
        pass
    assert log.getvalue() == ""
