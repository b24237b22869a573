"""What a model is registered as: a model of MLflow that samples, installs what it needs, and says what it takes."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.environment_variables import MLFLOW_EXPERIMENT_ID
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

import lds_mlflow
from lds_mlflow.domains import Domain, domain_of
from lds_mlflow.serving.requests import defaults_of
from lds_mlflow.serving.sampler import save_sampler
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.registry import LONGEST_DESCRIPTION, NEWEST, Registry
from lds_mlflow.tracking.runs import Run
from lds_mlflow.values import ExampleSet, LatentDistribution, ModelWeights

__all__ = ["LOADER", "REQUIRED", "register_sampler", "signature_of"]

LOADER = "lds_mlflow.tracking.pyfunc_model"
"""The module by which MLflow loads a registered model."""

_ARTIFACT = "sampler"
REQUIRED = (
    *("mlflow", "alembic", "annotated-types", "filelock", "markupsafe", "matplotlib", "numpy", "pandas", "pillow"),
    *(
        "platformdirs",
        "psutil",
        "pydantic",
        "pydantic-core",
        "python-dateutil",
        "pyyaml",
        "requests",
        "safetensors",
        "scikit-learn",
    ),
    *("scipy", "sqlalchemy", "threadpoolctl", "torch", "torch-fidelity", "torchvision", "tqdm", "typing-extensions"),
)
"""The packages that a registered model is installed with."""


class _Flavor:
    """MLflow's own kind of model, with further files at the top of its folder.

    Args:
        files: Their contents, by their paths in the folder.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def save_model(self, path: str, **settings: Any) -> None:
        """Writes the folder, as MLflow asks a kind of models to."""
        save_model(path, **settings)
        for name, content in self.files.items():
            file = Path(path) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def register_sampler(
    run: Run,
    weights: ModelWeights,
    distributions: Mapping[str, LatentDistribution],
    name: str,
    *,
    description: str,
    examples: ExampleSet | None = None,
    sampler: str = "",
    facts: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> int:
    """Logs a model that samples to a run, and registers it.

    Args:
        run: The run that made the model, in the store that MLflow's environment names.
        weights: The model.
        distributions: What its latents are drawn from, by the names in DISTRIBUTIONS.
        name: Its name in the registry.
        description: What the UI shows of this version, in Markdown.
        examples: Training examples that it keeps, to look at beside its samples.
        sampler: The name of the sampler that it draws with, as the parameter `sampler` takes it; "" for none of them.
        facts: What the gallery says of it, by name.
        files: What else lies in its folder, such as its card: contents by path.

    Returns:
        The number of the version.
    """
    _discard_half_made(run, name)
    domain = domain_of(weights.domain)
    with tempfile.TemporaryDirectory() as folder, _in_experiment(run.experiment_id):
        data_path = Path(folder) / "model"
        digest = save_sampler(data_path, weights, distributions, examples)
        info = Model.log(
            artifact_path=None,
            name=_ARTIFACT,
            flavor=_Flavor(files or {}),
            run_id=run.id,
            registered_model_name=name,
            metadata=dict(facts or {}),
            loader_module=LOADER,
            data_path=str(data_path),
            code_paths=[str(Path(lds_mlflow.__file__).parent)],
            signature=signature_of(domain),
            input_example=(pd.DataFrame({"seed": [0, 1]}), dict(defaults_of(domain))),
            pip_requirements=[f"{package}=={version(package)}" for package in (*REQUIRED, *domain.packages.values())],
        )
    number = int(info.registered_model_version)
    run.log_tags({tags.VERSION: f"{name}/{number}"})
    run.client.set_model_version_tag(name, str(number), tags.VALUES, digest)
    if sampler:
        run.client.set_model_version_tag(name, str(number), tags.SAMPLER, sampler)
    run.client.update_model_version(name, str(number), description=description[:LONGEST_DESCRIPTION])
    run.client.set_registered_model_alias(name, NEWEST, str(number))
    return number


def _discard_half_made(run: Run, name: str) -> None:
    """Removes what earlier runs of the same step had begun to register when they were killed."""
    fingerprint = run.client.get_run(run.id).data.tags.get(tags.FINGERPRINT)
    if fingerprint is None:
        return
    killed = run.client.search_runs(
        [run.experiment_id],
        f"tags.`{tags.FINGERPRINT}` = '{fingerprint}' and attributes.status != 'FINISHED' "
        "and attributes.status != 'RUNNING'",
    )
    for other in killed:
        # Its description is what a version gets last but for its alias.
        made = [one for one in Registry(run.client).of_run(other.info.run_id) if one.name == name]
        for half in made:
            if not half.description:
                run.client.delete_model_version(name, half.number)
        for model in run.client.search_logged_models(
            [run.experiment_id], filter_string=f"source_run_id = '{other.info.run_id}'"
        ):
            if not any(one.description for one in made):
                run.client.delete_logged_model(model.model_id)


@contextmanager
def _in_experiment(experiment_id: str) -> Iterator[None]:
    """Has MLflow log models to an experiment; it takes the one of its environment, and not that of the given run."""
    before = MLFLOW_EXPERIMENT_ID.get_raw()
    MLFLOW_EXPERIMENT_ID.set(experiment_id)
    try:
        yield
    finally:
        MLFLOW_EXPERIMENT_ID.unset() if before is None else MLFLOW_EXPERIMENT_ID.set(before)


def signature_of(domain: Domain) -> ModelSignature:
    """Returns what a registered model of a kind of examples takes and gives, for MLflow."""
    outputs: dict[str, DataType | AnyType] = {
        "seed": DataType.long,
        domain.column: AnyType(),
        "log_lds": DataType.double,
        "denser_than": DataType.double,
        "denser_than_samples": DataType.double,
        "reached": DataType.boolean,
    }
    types = {bool: DataType.boolean, float: DataType.double, str: DataType.string}
    return ModelSignature(
        # With a schema of its inputs MLflow would refuse a list of seeds, and drop columns that some requests have. The
        # model checks what it gets.
        outputs=Schema([ColSpec(kind, name) for name, kind in outputs.items()]),
        params=ParamSchema([ParamSpec(name, types[type(value)], value) for name, value in defaults_of(domain).items()]),
    )
