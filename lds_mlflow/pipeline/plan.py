"""What a command is going to run, and how long that may take."""

from collections import Counter
from dataclasses import dataclass, field

from lds_mlflow.machine.durations import in_words

__all__ = ["Plan"]


@dataclass(slots=True)
class Plan:
    """The steps that a command has yet to run.

    Attributes:
        waiting: How many runs of each step are left, by the step's name, in the order in which they begin.
        seconds: The seconds that one run of a step takes, by its name; a step is missing whose time is not known yet.
        most_steps: The most training steps of each step that ends by itself, by name.
        at_most: Steps of these whose seconds are those of so many training steps, and not of an earlier run.
        reused: How many finished runs are there already.
        open_ended: Whether the results of these steps decide on further ones.
    """

    waiting: Counter[str]
    seconds: dict[str, float]
    most_steps: dict[str, int] = field(default_factory=dict)
    at_most: frozenset[str] = frozenset()
    reused: int = 0
    open_ended: bool = False

    def lines(self, device: str) -> list[str]:
        """Returns the plan as lines of at most 80 columns, or none where nothing is left to run.

        Args:
            device: Where the steps will compute.
        """
        if not self.waiting:
            return []
        head = f"{_runs(self.waiting.total())} on {device}"
        reused = f"reusing {_runs(self.reused)} of earlier commands" if self.reused else ""
        return [
            ", ".join(filter(None, (head, self._whole(), reused))),
            *(f"{n:>3} x {step:<11}{self._time_of(step, n)}" for step, n in self.waiting.items()),
            *(["      and what their results decide on"] if self.open_ended else []),
        ]

    def after(self, step: str, seconds: float) -> str:
        """Notes that a run of a step is done, and returns the time left, as "~2 min left", or "" where it isn't known.

        Args:
            step: The step.
            seconds: What the run took.
        """
        self.seconds[step] = seconds
        self.at_most -= {step}
        self.waiting -= Counter({step: 1})
        known, is_whole = self._known()
        return f"{'~' if is_whole else '>'}{in_words(known)} left" if known else ""

    def _whole(self) -> str:
        known, is_whole = self._known()
        return f"{'about' if is_whole else 'at least'} {in_words(known)}" if known else ""

    def _known(self) -> tuple[float, bool]:
        """Returns the seconds of the steps whose time is known, and whether these are all that are left."""
        known = sum(self.seconds[step] * n for step, n in self.waiting.items() if step in self.seconds)
        return known, all(step in self.seconds for step in self.waiting)

    def _time_of(self, step: str, n: int) -> str:
        each = " each" if n > 1 else ""
        steps = f"{self.most_steps[step]:,} steps" if step in self.most_steps else ""
        if step in self.at_most:
            return f"at most {in_words(self.seconds[step])} ({steps}){each}"
        time = f"about {in_words(self.seconds[step])}{each}" if step in self.seconds else "not known yet"
        return f"{time}, at most {steps}" if steps else time


def _runs(n: int) -> str:
    return f"{n} run{'' if n == 1 else 's'}"
