"""Step `encode`: the posterior of every training image."""

from lds_mlflow.config import EncodeConfig
from lds_mlflow.models.coding import encode_examples
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet, LatentSet, ModelWeights

__all__ = ["run"]


def run(_config: EncodeConfig, context: Context) -> str:
    """Stores the latents of the training part as `latents`."""
    train = context.inputs["data"].load(ExampleSet, "train")
    model = VAE.from_weights(context.inputs["train"].load(ModelWeights, "model")).to(context.device)
    mean, log_variance = encode_examples(model, train.examples_N, ranks=context.ranks)
    context.run.log_value(LatentSet(mean, log_variance, train.ids_N), "latents")
    norm = mean.norm(dim=1).mean().item()
    context.run.log_metrics({"latent/mean_norm": norm})
    return f"{len(mean):,} latents of {mean.shape[1]} dimensions, with a mean norm of {norm:.2f}"
