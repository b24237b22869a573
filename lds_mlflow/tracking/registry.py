"""Models in the MLflow Model Registry."""

import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

import lds_mlflow
from lds_mlflow.serving import DEFAULT_TRUNCATION, DISTRIBUTION, WEIGHTS
from lds_mlflow.store import save_value
from lds_mlflow.tracking.runs import Run
from lds_mlflow.values import LatentDistribution, ModelWeights

__all__ = ["NEWEST", "register_sampler"]

NEWEST = "challenger"
"""The alias of the newest version."""

_ARTIFACT = "sampler"
_NEEDS = ("numpy", "pandas", "pillow", "pydantic", "safetensors", "scikit-learn", "torch")


def register_sampler(
    run: Run, weights: ModelWeights, distribution: LatentDistribution, name: str, *, description: str
) -> int:
    """Logs a model that samples to a run, and registers it.

    Args:
        run: The run that made the model, in the store that MLflow's environment names.
        weights: The model.
        distribution: What its latents are drawn from.
        name: Its name in the registry.
        description: What the UI shows of this version, in Markdown.

    Returns:
        The number of the version.
    """
    with tempfile.TemporaryDirectory() as folder:
        data_path = Path(folder) / "model"
        save_value(weights, data_path / WEIGHTS)
        save_value(distribution, data_path / DISTRIBUTION)
        info = Model.log(
            artifact_path=None,
            name=_ARTIFACT,
            flavor=mlflow.pyfunc,
            run_id=run.id,
            registered_model_name=name,
            loader_module="lds_mlflow.serving",
            data_path=str(data_path),
            code_paths=[str(Path(lds_mlflow.__file__).parent)],
            signature=_signature(),
            input_example=(pd.DataFrame({"seed": [0, 1]}), {"truncation": DEFAULT_TRUNCATION}),
            pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", *_NEEDS)],
        )
    number = int(info.registered_model_version)
    run.client.update_model_version(name, str(number), description=description)
    run.client.set_registered_model_alias(name, NEWEST, str(number))
    return number


def _signature() -> ModelSignature:
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.long, "seed")]),
        outputs=Schema([ColSpec(DataType.long, "seed"), ColSpec(DataType.string, "image")]),
        params=ParamSchema([ParamSpec("truncation", DataType.double, DEFAULT_TRUNCATION)]),
    )
