import time
from collections.abc import Mapping

import pytest

from lds_mlflow.tracking.monitor import SystemMonitor

Taken = list[tuple[int, dict[str, float]]]


class _Part:
    """A part of the machine whose use is how often it has been looked at; like a BaseMetricsMonitor of MLflow."""

    def __init__(self) -> None:
        self.looks = 0
        self._metrics: dict[str, list[float]] = {}

    def collect_metrics(self) -> None:
        self.looks += 1
        self._metrics.setdefault("use", []).append(float(self.looks))

    def aggregate_metrics(self) -> dict[str, float]:
        return {name: sum(values) for name, values in self._metrics.items()}

    def clear_metrics(self) -> None:
        self._metrics.clear()


class _Patience:
    """In place of an event: it lets the monitor work for some rounds."""

    def __init__(self, rounds: int) -> None:
        self.rounds, self.waited = rounds, list[float]()

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return len(self.waited) > self.rounds


def _monitored(store: str, monkeypatch: pytest.MonkeyPatch, rounds: int) -> tuple[Taken, _Part, _Patience]:
    taken: Taken = []

    def take(step: int, figures: Mapping[str, float]) -> None:
        taken.append((step, dict(figures)))

    monitor, part, patience = SystemMonitor("12ab", store, take), _Part(), _Patience(rounds)
    monkeypatch.setattr(monitor, "monitors", [part])
    monkeypatch.setattr(monitor, "_shutdown_event", patience)
    monitor.monitor()
    return taken, part, patience


def test_figures_are_handed_on_step_by_step_under_the_names_that_the_ui_knows(
    local_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, _, patience = _monitored(local_store, monkeypatch, rounds=2)
    assert taken == [(0, {"system/use": 1}), (1, {"system/use": 2})]
    assert patience.waited == [5, 5, 5]


def test_a_monitor_that_is_told_to_finish_at_once_hands_nothing_on(
    local_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, part, _ = _monitored(local_store, monkeypatch, rounds=0)
    assert (taken, part.looks) == ([], 0)


def test_it_watches_this_machine_in_a_thread_until_it_is_finished(local_store: str) -> None:
    taken: Taken = []
    monitor = SystemMonitor("12ab", local_store, lambda step, figures: taken.append((step, dict(figures))))
    monitor.sampling_interval = 0.01
    monitor.start()
    deadline = time.monotonic() + 20
    while not taken and time.monotonic() < deadline:
        time.sleep(0.01)
    monitor.finish()
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(taken[0][1])
    n = len(taken)
    time.sleep(0.05)
    assert len(taken) == n
