"""What the pipeline hands to a step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.tracking import FinishedRun, Run

__all__ = ["Context"]

_LINKS = 20


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of one step.

    Attributes:
        run: The run to log to.
        inputs: Every upstream run, near and far, by the name of its step; the one whose model is used also as "model".
        device: Where to compute.
        ranks: The processes that compute as one; this process leads them.
        fingerprint: What identifies the result.
        checkpoint_path: Where the step may keep the state of unfinished work.
        cache_path: Folder for what can be computed again, or None to do so.
        checkpoint_every: Training steps between two checkpoints.
        interruption: Knows whether the user wants to stop.
        say: Prints a line.
        alarms: What makes the step's result worth little, in sentences; a step adds to it.
    """

    run: Run
    inputs: Mapping[str, FinishedRun]
    device: str
    ranks: Ranks
    fingerprint: str
    checkpoint_path: Path
    cache_path: Path | None
    checkpoint_every: int
    interruption: Interruption
    say: Callable[[str], None]
    alarms: list[str] = field(default_factory=list)

    @property
    def lineage(self) -> str:
        """The upstream runs in Markdown, with links that work in MLflow's UI."""
        links = [run.link for name, run in self.inputs.items() if name != "model"]
        more = f" and {len(links) - _LINKS:,} more" if len(links) > _LINKS else ""
        return f"Made from: {', '.join(links[:_LINKS])}{more}." if links else ""
