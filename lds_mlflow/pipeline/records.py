"""What a command writes on runs, whichever step they are of."""

from collections.abc import Collection, Iterable, Mapping

from lds_mlflow.choices.data_sources import name_of
from lds_mlflow.config import Settings, has_default
from lds_mlflow.entry.console import ALARM
from lds_mlflow.entry.graph import REFERENCES
from lds_mlflow.errors import Interrupted, without_passwords
from lds_mlflow.tracking import FinishedRun, Run, Tracker, link_to_version, tags

__all__ = ["Ending", "alarm_notes", "figures_in", "in_lines", "log_data", "log_parameters", "note_version", "stand_for"]

_ALWAYS_LISTED = ("data", "train_steps", "finetune_steps", "selection", "part", "sampler", "registered_model")
"""The parameters that a run's list has whatever their values are; others have to differ from their defaults."""


class Ending:
    """Ends a run as KILLED or FAILED where an exception leaves its block."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or self.run.has_ended:
            return
        if isinstance(error, Interrupted | KeyboardInterrupt):
            self.run.end("KILLED")
            return
        said = without_passwords(str(error))
        with self.run.together():
            self.run.log_tags({tags.ERROR: f"{type(error).__name__}: {said}"[:5000]})
            self.run.log_note(f"**Failed.** {said}"[:5000])
            self.run.end("FAILED")


def stand_for(own: Run, found: FinishedRun) -> None:
    """Ends a run that has nothing to do, since a finished one has its result."""
    with own.together():
        own.log_metrics(figures_in(found))
        own.log_tags({tags.REUSED: found.id, tags.SENTENCE: found.sentence})
        if found.part:
            own.log_tags({tags.PART: found.part})
        own.log_note(f"This run had nothing to do: {found.link} already has the result. {found.sentence}.")
        own.end("FINISHED")


def figures_in(found: FinishedRun) -> dict[str, float]:
    """Returns the figures that a run lists, without those of the machine and of its time."""
    return {
        name: value for name, value in found.metrics.items() if name != tags.COST and not name.startswith("system/")
    }


def alarm_notes(alarms: Iterable[str]) -> list[str]:
    """Returns alarms as they stand in the description of a run, in Markdown."""
    return [f"⚠️ **{ALARM}** {text}" for text in alarms]


def in_lines(sentence: str) -> str:
    """Returns a sentence of several lines as Markdown that has them too."""
    # In Markdown one newline is a space.
    return sentence.replace("\n", "\n\n")


def log_parameters(run: Run, *configs: Settings, settled: Collection[str] = ()) -> None:
    """Logs parameters: those in the list by which runs usually differ, or that aren't defaults, and the others apart.

    Parameters that name runs are not in the list, since a run notes what it reads.

    Args:
        run: The run.
        configs: The configurations whose parameters they are.
        settled: Parameters to leave out, since the command has no single value for them.
    """
    listed, others = dict[str, object](), dict[str, object]()
    for config in configs:
        for name, value in config.model_dump(mode="json", exclude=set(settled)).items():
            is_listed = name in _ALWAYS_LISTED or not (name in REFERENCES or has_default(config, name))
            (listed if is_listed else others)[name] = value
    run.log_params(listed, others)


def note_version(tracker: Tracker, runs: Iterable[FinishedRun], version: str) -> None:
    """Says in the descriptions of runs which version of a registered model was made of them, given as NAME/NUMBER."""
    said = f"Registered as {link_to_version(version)}."
    for run in runs:
        if said not in run.note:
            tracker.beside(run.id).log_note(f"{run.note}\n\n{said}".strip())


def log_data(run: Run, inputs: Mapping[str, FinishedRun]) -> None:
    """Logs the data set that a run was made from."""
    source = inputs.get("data")
    if source is not None:
        n_examples = sum(int(value) for name, value in source.metrics.items() if name.endswith("_examples"))
        where = source.params["data"]
        run.log_dataset(name_of(where), source=where, digest=source.digest, context="data", n_examples=n_examples)
