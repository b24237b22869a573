"""The lead of a study: one command at a time makes the baselines, and confirms the leading trials.

The leader writes a heartbeat into the study's attributes every few seconds. A command that sees the heartbeat change
leaves the lead to the leader; a command that sees the same heartbeat for long takes the lead over. The clocks of two
machines are never compared. A heartbeat only ever replaces the one that was read, in one statement, so that two
commands never have the lead at once.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic, sleep

from optuna.study import Study
from sqlalchemy.exc import SQLAlchemyError

from tuning.storage import swap_attribute

__all__ = ["BEAT", "FREE", "Lease"]

BEAT = "beat"
"""User attribute of a study: the run of the leading command and a number that it increases, or FREE."""

FREE = ""
_SECONDS, _MISSED, _POLL_SECONDS = 5.0, 6, 0.5


class Lease:
    """The lead of a study, which one command at a time has.

    Args:
        study: The study.
        storage: Address of the study's storage.
        holder: Id of the run of the command that asks for the lead.
        say: Prints a line.
        seconds: Seconds between two heartbeats; after six missed heartbeats a leader counts as dead.
    """

    def __init__(
        self, study: Study, storage: str, holder: str, say: Callable[[str], None], *, seconds: float = _SECONDS
    ) -> None:
        self.study, self.storage, self.holder, self.say, self.seconds = study, storage, holder, say, seconds
        self._n = 0

    def take(self) -> bool:
        """Takes the lead if no command has it, or if the leader shows no sign of life. Returns whether it was taken."""
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
        """Keeps the lead while its block runs, and then frees it; ends the command if another has taken the lead."""
        done = Event()
        thread = Thread(target=self._beat, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            # Without an answer, the lead is free once its heartbeat has stopped for long.
            with suppress(SQLAlchemyError):
                self._swap(self._own, FREE)

    @property
    def _own(self) -> str:
        return f"{self.holder} {self._n}"

    def _beat(self, done: Event) -> None:
        while not done.wait(self.seconds):
            try:
                before, self._n = self._own, self._n + 1
                if not self._swap(before, self._own):
                    self.say(f"{'tune':<11}another command has taken the lead of this study, so this command ends")
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            except SQLAlchemyError:
                # The storage may be unreachable for a moment; if it stays so, the command fails elsewhere.
                self._n -= 1

    def _read(self) -> str:
        return str(self.study.user_attrs[BEAT])

    def _swap(self, before: str, after: str) -> bool:
        return swap_attribute(self.storage, self.study.study_name, BEAT, before, after)
