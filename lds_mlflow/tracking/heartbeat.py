"""Runs say every minute that their process lives, so that another machine can tell when it no longer does."""

from contextlib import suppress
from threading import Lock, Thread
from time import sleep, time
from weakref import WeakSet

from mlflow import MlflowClient

from lds_mlflow.tracking import tags
from lds_mlflow.tracking.runs import Run

__all__ = ["Heartbeat", "now"]

_SECONDS = 60.0


def now() -> str:
    """Returns the time as a run's tag has it: seconds since 1970."""
    return f"{time():.0f}"


class Heartbeat:
    """Notes the time on the runs that this process writes, in a thread of its own, until they have ended.

    Args:
        tracking_uri: The address of their store.
        seconds: How long to wait between two notes.
    """

    def __init__(self, tracking_uri: str, seconds: float = _SECONDS) -> None:
        # A client of its own: a server that hangs makes it wait for as long as MLflow does, which delays nothing else.
        self.client, self.seconds = MlflowClient(tracking_uri), seconds
        self._runs: WeakSet[Run] = WeakSet()
        self._lock = Lock()
        self._thread: Thread | None = None

    def watch(self, run: Run) -> Run:
        """Begins to note the time on a run, and returns it."""
        with self._lock:
            self._runs.add(run)
        if self._thread is None:
            self._thread = Thread(target=self._go_on, daemon=True)
            self._thread.start()
        return run

    def beat(self) -> None:
        """Notes the time on all runs that have not ended."""
        with self._lock:
            runs = list(self._runs)
        for run in runs:
            if not run.has_ended:
                # The next note is as good; without this thread, others would take the run for one that nobody writes.
                with suppress(Exception):
                    self.client.set_tag(run.id, tags.SEEN, now())

    def _go_on(self) -> None:
        while True:
            sleep(self.seconds)
            self.beat()
