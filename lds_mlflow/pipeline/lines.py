"""What a command prints of each of its runs: a line, notes and alarms."""

from collections.abc import Callable

from lds_mlflow.entry.console import ALARM
from lds_mlflow.pipeline.plan import Plan
from lds_mlflow.tracking import FinishedRun

__all__ = ["COLUMNS", "StepLines"]

COLUMNS = 80
"""Columns of a terminal that every line fits into which is not a sentence."""

_WHOLE = ("data", "compare")
"""The steps whose sentences are always shown whole: everything that follows depends on what the data was taken for, and
a comparison names its models before its figure."""


class StepLines:
    """Prints what came out of the runs of a command, once for each.

    Args:
        say: Prints a text.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.plan: Plan | None = None
        self._shown: set[str] = set()

    def reused(self, run: FinishedRun, title: str, *, whole: bool) -> None:
        """Prints what had come out of a run that an earlier command has made.

        Args:
            run: The run.
            title: What is done, in a few words.
            whole: Whether to print the whole sentence, and not only what fits into the line.
        """
        self._show(run, title, "reused", whole=whole)

    def done(self, run: FinishedRun, title: str, seconds: float, *, whole: bool) -> None:
        """Prints what came out of a run, how many seconds it took, and how long the rest of the plan may take.

        The other arguments are those of `reused`.
        """
        left = "" if self.plan is None else self.plan.after(run.step, seconds)
        self._show(run, title, ", ".join(filter(None, (f"done in {seconds:.1f} s", left))), whole=whole)

    def _show(self, run: FinishedRun, title: str, what: str, *, whole: bool) -> None:
        if run.id in self._shown:
            return
        self._shown.add(run.id)
        first, *notes = run.sentence.splitlines() or [""]
        what = f"{run.id[:8]} {what}"
        line = f"{title}: {what}: {first}" if whole or run.step in _WHOLE else _beside(f"{title}: {first}", what)
        self.say("\n".join([line, *notes]))
        for text in run.alarms:
            self.say(f"{ALARM} {text}")


def _beside(text: str, what: str) -> str:
    """Returns a line of two texts, of which the first is cut short so that the second fits and ends the line."""
    room = COLUMNS - len(what) - 2
    return f"{text if len(text) <= room else f'{text[: room - 1]}…':<{room}}  {what}"
