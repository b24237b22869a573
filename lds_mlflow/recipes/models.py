"""The model of an upstream run, ready for the examples of another run."""

from lds_mlflow.domains import domain_of
from lds_mlflow.errors import ConfigError
from lds_mlflow.models import Codec, open_model
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.values import ExampleSet, ModelWeights

__all__ = ["codec_of", "open_codec"]


def codec_of(weights: ModelWeights, examples: ExampleSet, device: str) -> Codec:
    """Returns the model whose stored weights are given, ready to encode and decode examples.

    Args:
        weights: The model.
        examples: The examples that it is used with.
        device: Where to compute.

    Raises:
        ConfigError: The model is for another kind of examples.
        ArtifactError: The model can't be opened.
    """
    if weights.domain != examples.domain:
        raise ConfigError(
            "the model",
            found=f"a model of {weights.domain}, with examples that are {examples.domain}",
            expected="a model and examples of one kind",
            remedy="Give a run whose model was made from such examples.",
        )
    return Codec(open_model(weights).to(device), domain_of(weights.domain).scale)


def open_codec(run: FinishedRun, examples: ExampleSet, device: str) -> Codec:
    """Returns the model that a run stored, ready to encode and decode examples; see `codec_of`."""
    return codec_of(run.load(ModelWeights, "model"), examples, device)
