"""What a generator can be given as: which kind of folder a place is, and what to say of one that can't be read."""

from collections.abc import Sequence
from pathlib import Path

from lds_mlflow.errors import ArtifactError, quoted
from lds_mlflow.models.own.diffusers_folder import CONFIG, read_diffusers
from lds_mlflow.models.own.facts import GENERATOR
from lds_mlflow.models.own.folder import read_pair
from lds_mlflow.models.own.mlflow_programs import MLMODEL, read_mlflow
from lds_mlflow.values import ModelWeights

__all__ = ["pickles_beside", "read_generator"]

_PICKLES = (".pkl", ".pickle", ".bin", ".ckpt", ".pth", ".joblib")
_PYTHAE = "model_config.json"
_EXPECTED = (
    f"a folder with {GENERATOR}, encoder.pt2 and decoder.pt2, a folder of diffusers, or ENCODER,DECODER: two models "
    "that MLflow has saved as pt2"
)
_EXPORT = (
    "Export its encoder and its decoder by torch.export, in an environment that you trust (docs/how-to/own-model.md)."
)


def read_generator(places: Sequence[Path], example_shape: tuple[int, ...]) -> ModelWeights:
    """Returns a generator as an exported pair. Nothing is unpickled.

    Args:
        places: A folder, or those of an encoder and a decoder that MLflow has saved.
        example_shape: The shape of the examples that it is used with.

    Raises:
        ConfigError: A package is missing that reads such a folder.
        ArtifactError: It can't be read.
    """
    for place in places:
        _require_folder(place)
    if len(places) == 2 and all((place / MLMODEL).is_file() for place in places):
        return read_mlflow(places[0], places[1], example_shape)
    folder = places[0]
    if len(places) == 1 and (folder / GENERATOR).is_file():
        return read_pair(folder)
    if len(places) == 1 and (folder / CONFIG).is_file():
        return read_diffusers(folder, example_shape)
    raise _refusal(folder)


def pickles_beside(places: Sequence[Path]) -> list[str]:
    """Returns the names of the files in some folders that are pickles by their endings, and are not read."""
    return sorted(path.name for place in places for path in place.iterdir() if path.suffix in _PICKLES)


def _require_folder(place: Path) -> None:
    if place.is_dir():
        return
    is_pickle = place.is_file() and place.suffix in (*_PICKLES, ".pt")
    found = (
        "a pickle, which can run any code when it is read" if is_pickle else "a file" if place.is_file() else "nothing"
    )
    remedy = _EXPORT if place.is_file() else "Correct the path or the address."
    raise ArtifactError(f"model={place}", found=found, expected=_EXPECTED, remedy=remedy)


def _refusal(folder: Path) -> ArtifactError:
    names = sorted(path.name for path in folder.iterdir())
    if (folder / _PYTHAE).is_file():
        found, remedy = "a model of pythae, whose weights are a pickle", _EXPORT
    elif (folder / MLMODEL).is_file():
        found = "one model of MLflow, which has one function"
        remedy = "Log the encoder and the decoder as two models, and give both: model=ENCODER,DECODER."
    else:
        found, remedy = f"a folder with {quoted(names) or 'nothing in it'}", _EXPORT
    return ArtifactError(f"model={folder}", found=found, expected=_EXPECTED, remedy=remedy)
