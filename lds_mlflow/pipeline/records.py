"""What a command writes on runs, whichever step they are of."""

from collections.abc import Mapping

from lds_mlflow.errors import Interrupted, without_passwords
from lds_mlflow.tracking import FinishedRun, Run, tags

__all__ = ["Ending", "in_lines", "log_data", "stand_for"]


class Ending:
    """Ends a run as KILLED or FAILED where an exception leaves its block."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or self.run.has_ended:
            return
        if not isinstance(error, Interrupted | KeyboardInterrupt):
            said = without_passwords(str(error))
            self.run.log_tags({tags.ERROR: f"{type(error).__name__}: {said}"[:5000]})
            self.run.log_note(f"**Failed.** {said}"[:5000])
        self.run.end("KILLED" if isinstance(error, Interrupted | KeyboardInterrupt) else "FAILED")


def stand_for(own: Run, found: FinishedRun) -> None:
    """Ends a run that has nothing to do, since a finished one has its result."""
    own.log_metrics({name: value for name, value in found.metrics.items() if not name.startswith("system/")})
    own.log_tags({tags.REUSED: found.id, tags.SENTENCE: found.sentence})
    own.log_note(f"This run had nothing to do: {found.link} already has the result. {found.sentence}.")
    own.end("FINISHED")


def in_lines(sentence: str) -> str:
    """Returns a sentence of several lines as Markdown that has them too."""
    # In Markdown one newline is a space.
    return sentence.replace("\n", "\n\n")


def log_data(run: Run, inputs: Mapping[str, FinishedRun]) -> None:
    """Logs the data set that a run was made from."""
    source = inputs.get("data")
    if source is not None:
        n_examples = sum(int(value) for name, value in source.metrics.items() if name.endswith("_examples"))
        where = source.params["data"]
        run.log_dataset(
            f"data run {source.id[:8]}", source=where, digest=source.digest, context="data", n_examples=n_examples
        )
