"""Step `sample`: images from a model, one file a seed."""

import tempfile
from pathlib import Path

from lds_mlflow.config import SampleConfig
from lds_mlflow.models.coding import decode_latents, encode_examples
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.pictures import image_grid
from lds_mlflow.recipes.samplers import distribution_as_configured
from lds_mlflow.samplers import draw_latents
from lds_mlflow.serving.sampler import png_of
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet, ModelWeights

__all__ = ["run"]

_SHOWN = 256


def run(config: SampleConfig, context: Context) -> str:
    """Logs the images as `images/SEED.png`, and a grid of the first ones."""
    model = VAE.from_weights(context.inputs["model"].load(ModelWeights, "model")).to(context.device)
    seeds = list(range(config.sample_seed, config.sample_seed + config.count))
    train = context.inputs["data"].load(ExampleSet, "train")
    distribution = distribution_as_configured(config, config.sampler, model, *encode_examples(model, train.examples_N))
    images = decode_latents(model, draw_latents(distribution, seeds, truncation=config.truncation))
    with tempfile.TemporaryDirectory() as folder:
        for seed, image in zip(seeds, images, strict=True):
            (Path(folder) / f"{seed:06d}.png").write_bytes(png_of(image))
        context.run.log_folder(Path(folder), "images")
    context.run.log_picture(image_grid(images[:_SHOWN]), "pictures/samples.png")
    drawn = f"{len(images):,} images, seeds {seeds[0]} to {seeds[-1]}, truncation {config.truncation:g}"
    return f"{drawn}, from {distribution.name}"
