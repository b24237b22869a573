"""Who leads a study: one command at a time makes the baselines, and confirms what leads.

The leader writes a beat into the study's attributes every few seconds. Who sees it change leaves the lead to it; who
sees the same beat for long takes the lead over. No clocks of two machines are compared, and a beat is only ever
written in place of the one that was seen, in one statement: so no two have the lead.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic, sleep

from optuna.study import Study
from sqlalchemy.exc import SQLAlchemyError

from tuning.storage import swap_attribute

__all__ = ["BEAT", "FREE", "Lease"]

BEAT = "beat"
"""User attribute of a study: the run of the command that leads, and a number that it counts up; or FREE."""

FREE = ""
_SECONDS, _MISSED, _POLL_SECONDS = 5.0, 6, 0.5


class Lease:
    """The lead of a study, which one command at a time has.

    Args:
        study: The study.
        storage: Its address.
        holder: Who asks: the id of the command's run.
        say: Prints a line.
        seconds: Between two beats; after six that were missed a leader is thought to be gone.
    """

    def __init__(
        self, study: Study, storage: str, holder: str, say: Callable[[str], None], *, seconds: float = _SECONDS
    ) -> None:
        self.study, self.storage, self.holder, self.say, self.seconds = study, storage, holder, say, seconds
        self._n = 0

    def take(self) -> bool:
        """Takes the lead if nobody has it, or if who has it shows no sign of life. Returns whether it is one's own."""
        first, began, told = self._read(), monotonic(), False
        while first != FREE and monotonic() - began < _MISSED * self.seconds:
            now = self._read()
            if now not in (first, FREE):
                return False
            first = now
            if not told and monotonic() - began > 1.5 * self.seconds:
                self.say(f"{'tune':<11}waiting to see whether run {first.split()[0]}, which leads this study, is alive")
                told = True
            sleep(min(_POLL_SECONDS, self.seconds))
        return self._swap(first, self._own)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Beats while its block runs, and then leaves the lead to others; if they have taken it, ends the command."""
        done = Event()
        thread = Thread(target=self._beat, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._swap(self._own, FREE)

    @property
    def _own(self) -> str:
        return f"{self.holder} {self._n}"

    def _beat(self, done: Event) -> None:
        while not done.wait(self.seconds):
            try:
                before, self._n = self._own, self._n + 1
                if not self._swap(before, self._own):
                    self.say(f"{'tune':<11}another command has taken the lead of this study: this one ends")
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            except SQLAlchemyError:
                # A storage that is away for a moment; where it stays away, the command fails by itself.
                self._n -= 1

    def _read(self) -> str:
        return str(self.study.user_attrs[BEAT])

    def _swap(self, before: str, after: str) -> bool:
        return swap_attribute(self.storage, self.study.study_name, BEAT, before, after)
