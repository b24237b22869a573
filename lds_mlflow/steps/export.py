"""Step `export`: a model's encoder and decoder as programs."""

import tempfile
from pathlib import Path

from lds_mlflow.config import ExportConfig
from lds_mlflow.errors import ArtifactError, first_line
from lds_mlflow.models.own import FOLDER, ExportedPair, Facts, write_pair
from lds_mlflow.recipes.models import open_codec
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet

__all__ = ["run"]


def run(_config: ExportConfig, context: Context) -> str:
    """Logs generator.json, encoder.pt2 and decoder.pt2 under `generator`."""
    train = context.inputs["data"].load(ExampleSet, "train")
    source = context.inputs["model"]
    model = open_codec(source, train, "cpu").model
    facts = (
        model.facts
        if isinstance(model, ExportedPair)
        else Facts(
            tuple(train.examples_N.shape[1:]), (-1.0, 1.0), model.latent_shape, name=f"{source.step} {source.id[:8]}"
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_pair(model, facts, Path(folder))
        except RuntimeError as error:
            raise ArtifactError(
                f"the model of run {source.id}",
                found=first_line(error),
                expected="a network that torch.export can follow",
                remedy="Use the run itself as model_run.",
            ) from error
        n_bytes = sum(path.stat().st_size for path in Path(folder).iterdir())
        context.run.log_folder(Path(folder), FOLDER)
    return f"{facts.name}: encoder and decoder as programs, {n_bytes / 1e6:.1f} MB"
