"""The tracking store of a command, and the experiment that its runs belong to."""

from collections.abc import Callable

from lds_mlflow.choices.data_sources import name_of
from lds_mlflow.config import AUTO, NO_RUN, CompareConfig, Configs, DataConfig, Options, PromoteConfig, named_runs
from lds_mlflow.entry.graph import REFERENCES
from lds_mlflow.tracking import Subject, Tracker

__all__ = ["connect", "subject_of"]


def connect(configs: Configs, say: Callable[[str], None]) -> Tracker:
    """Opens the store that MLflow's environment variables name, and the experiment of a command.

    Args:
        configs: The configurations of the command.
        say: Prints a line.

    Raises:
        TrackingError: The store can't be reached or used, or has no such experiment.
    """
    return Tracker.connect(configs[Options], say, configs.origins, subject_of(configs))


def subject_of(configs: Configs) -> Subject:
    """Returns what a command is about: the run or the model that it names, else its data."""
    given = (
        getattr(config, name) for config in configs.all for name in type(config).model_fields if name in REFERENCES
    )
    named = [str(reference) for reference in given if reference not in (AUTO, NO_RUN)]
    compared, data, promoted = configs.get(CompareConfig), configs.get(DataConfig), configs.get(PromoteConfig)
    if named and compared is not None and compared.runs != AUTO:
        named = [reference for _, reference in named_runs(compared.runs)]
    if named:
        return Subject(reference=named[0])
    if data is not None:
        return Subject(data=name_of(data.data))
    if promoted is None:
        return Subject()
    return Subject(reference=AUTO if promoted.registered_model == AUTO else f"models:/{promoted.registered_model}")
