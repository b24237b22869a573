"""Step `encode`: the posterior of every training example."""

from lds_mlflow.config import EncodeConfig
from lds_mlflow.recipes.models import open_codec
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet, LatentSet

__all__ = ["run"]


def run(_config: EncodeConfig, context: Context) -> str:
    """Stores the latents of the training part as `latents`."""
    train = context.inputs["data"].load(ExampleSet, "train")
    codec = open_codec(context.inputs["train"], train, context.device)
    mean, log_variance = codec.encode(train.examples_N, ranks=context.ranks)
    context.run.log_value(LatentSet(mean, log_variance, train.ids_N), "latents")
    norm = mean.norm(dim=1).mean().item()
    context.run.log_figures({"mean_norm": norm}, listed=())
    return f"{len(mean):,} latents of {mean.shape[1]} dimensions, with a mean norm of {norm:.2f}"
