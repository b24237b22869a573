"""The progress of long work: a bar in a terminal, and lines elsewhere, which a log can keep."""

import sys
from typing import TYPE_CHECKING, Any

from tqdm import tqdm
from typing_extensions import override

from lds_mlflow.machine.durations import in_words

__all__ = ["progress_bar"]

_PARTS = 10
_SECONDS_BETWEEN_LINES = 10.0


if TYPE_CHECKING:
    _Bar = tqdm[Any]
else:
    # Only its type stub says that tqdm is generic.
    _Bar = tqdm


class _Lines(_Bar):
    """Writes a line for every tenth of the work, at most one every ten seconds; short work writes none."""

    _said, _said_at = 0, 0.0

    @override
    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        total, elapsed = self.total or 0, self.format_dict["elapsed"]
        done = self.n / total if total else 0.0
        if int(_PARTS * done) <= self._said or elapsed - self._said_at < _SECONDS_BETWEEN_LINES or done >= 1:
            return
        self._said, self._said_at = int(_PARTS * done), elapsed
        left = elapsed * (total - self.n) / max(self.n - self.initial, 1e-9)
        self.fp.write(f"{self.desc}: {done:.0%} done, about {in_words(left)} left\n")
        self.fp.flush()


def progress_bar(
    total: float, description: str, *, unit: str, done: float = 0, delay: float = 0.0, leave: bool = True
) -> "tqdm[Any]":
    """Returns what shows the progress of some work on the standard error; `update` adds to what is done.

    Args:
        total: How much there is to do; whoever works may change it on the way.
        description: What is done, in a word or two.
        unit: What is counted, in the singular.
        done: How much has been done before.
        delay: Seconds after which it is shown, so that short work shows nothing.
        leave: Whether a bar stays when the work is done.
    """
    kind: type[_Bar] = tqdm if sys.stderr.isatty() else _Lines
    return kind(
        total=total,
        initial=done,
        desc=description,
        unit=unit,
        unit_scale=isinstance(total, float),
        mininterval=0.5,
        delay=delay,
        leave=leave and kind is tqdm,
    )
