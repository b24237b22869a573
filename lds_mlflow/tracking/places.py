"""Where a model of the user's own lies: a folder of this machine, or what an address of MLflow names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from lds_mlflow.errors import ConfigError
from lds_mlflow.tracking.patience import is_outage
from lds_mlflow.tracking.registry import MODELS_ADDRESS

__all__ = ["local_places"]

_ADDRESSES = (MODELS_ADDRESS, "runs:/")


@contextmanager
def local_places(given: str) -> Iterator[list[Path]]:
    """Gives the local folders that a parameter names: paths, or addresses, whose content is copied for the time being.

    Args:
        given: A path or a runs:/ or models:/ address, or several of them, with commas between. What is empty between
            commas names nothing.

    Raises:
        ConfigError: Nothing is named, or there is nothing at an address.
        MlflowException: The store doesn't answer.
    """
    named = [place for place in map(str.strip, given.split(",")) if place]
    if not named:
        raise ConfigError(
            "model",
            found="no model",
            expected="your own model",
            remedy="Give its folder or address: model=generator.",
        )
    with TemporaryDirectory() as folder:
        yield [_local(place, Path(folder) / str(number)) for number, place in enumerate(named)]


def _local(place: str, folder: Path) -> Path:
    if not place.startswith(_ADDRESSES):
        return Path(place)
    # What is copied is called as its address is, since a model may be named by its folder.
    folder = folder / place.split("/")[1]
    folder.mkdir(parents=True)
    try:
        return Path(download_artifacts(artifact_uri=place, dst_path=str(folder)))
    except (MlflowException, OSError) as error:
        if is_outage(error):
            raise
        raise ConfigError.because(
            error,
            f"model={place}",
            expected="the address of a folder that a run has logged, or of a model",
            remedy="Look the address up in MLflow's UI: runs:/RUN_ID/PATH, models:/NAME/VERSION or models:/NAME@ALIAS.",
        ) from error
