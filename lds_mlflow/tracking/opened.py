"""Opens a registered model of this project for serving, without running anything that comes with it.

MLflow's own way imports the code that a model brings along. Here only its values are read, which are safetensors and
JSON, by the code of this process; so nothing in a model that someone has changed is executed or unpickled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel

from lds_mlflow.errors import TrackingError
from lds_mlflow.serving.sampler import digest_of_sampler
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.pyfunc_model import ServedSampler
from lds_mlflow.tracking.registration import LOADER, signature_of
from lds_mlflow.tracking.registry import CHAMPION, MODELS_ADDRESS, Registry, Version

__all__ = ["OpenedModel", "open_registered"]

_MLMODEL, _FLAVOR = "MLmodel", "python_function"


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model that can be served.

    Attributes:
        model: The model, as MLflow's server takes it.
        facts: What is known of it, by name: `name`; of a version also `version` and the number of the `champion`, or
            ""; and what it says of itself.
    """

    model: PyFuncModel
    facts: Mapping[str, str]

    @property
    def version(self) -> str:
        """The version as NAME/NUMBER; "" for a model that is none."""
        return f"{self.facts['name']}/{self.facts['version']}" if "version" in self.facts else ""


def open_registered(uri: str) -> OpenedModel:
    """Opens a model.

    Args:
        uri: Its address.

    Raises:
        mlflow.exceptions.MlflowException: There is no such model, or the store doesn't answer.
        OSError: There is no such model.
        TrackingError: It is no model of this project, or no longer what was registered.
        ArtifactError: A value of it is missing or damaged.
    """
    version = _version_of(uri)
    if version is not None:
        # An alias may be given to another version before the model is read.
        uri = f"{MODELS_ADDRESS}{version.name}/{version.number}"
    with TemporaryDirectory() as folder:
        path = Path(download_artifacts(uri, dst_path=folder))
        said = _said_in(path / _MLMODEL, uri)
        values = _values_of(path, said, uri)
        if version is not None:
            _require_registered(version, values, uri)
        served = ServedSampler(values)
    metadata = said.get("metadata") or {}
    model = Model(
        signature=signature_of(served.sampler.domain), flavors={_FLAVOR: {"loader_module": LOADER}}, metadata=metadata
    )
    facts = {name: str(value) for name, value in metadata.items()}
    return OpenedModel(PyFuncModel(model_meta=model, model_impl=served), {**facts, **_facts_of(version, uri)})


def _version_of(uri: str) -> Version | None:
    if not uri.startswith(MODELS_ADDRESS):
        return None
    try:
        return Registry(MlflowClient()).of_address(uri)
    except TrackingError:
        # A model that was logged has an address of this form too.
        return None


def _facts_of(version: Version | None, uri: str) -> dict[str, str]:
    if version is None:
        return {"name": uri}
    champion = Registry(MlflowClient()).find(version.name, CHAMPION)
    return {"name": version.name, "version": version.number, "champion": champion.number if champion else ""}


def _said_in(file: Path, uri: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        loader = found["flavors"][_FLAVOR]["loader_module"]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _foreign(uri, "no description that can be read") from error
    if loader != LOADER:
        raise _foreign(uri, f"a model that {loader} loads")
    return dict(found)


def _values_of(path: Path, said: Mapping[str, Any], uri: str) -> Path:
    values = (path / str(said["flavors"][_FLAVOR].get("data", ""))).resolve()
    if not values.is_relative_to(path.resolve()):
        raise _foreign(uri, "values outside of the model")
    return values


def _require_registered(version: Version, values: Path, uri: str) -> None:
    """Requires the values that were registered; a version that is older than the note of them is taken as it is."""
    noted = version.tags.get(tags.VALUES)
    if noted is not None and digest_of_sampler(values) != noted:
        raise _foreign(uri, "values with another digest than those that were registered")


def _foreign(uri: str, found: str) -> TrackingError:
    return TrackingError(
        f"model {uri}",
        found=found,
        expected="a model of this project, as it was registered",
        remedy="Give a version that the command finetune has registered, or register the model again.",
    )
