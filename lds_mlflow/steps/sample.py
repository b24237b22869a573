"""Step `sample`: samples of a model, one file for every seed."""

import tempfile
from pathlib import Path

from lds_mlflow.config import SampleConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.recipes.classes import of_classes_as_configured, require_classes_as_configured
from lds_mlflow.recipes.division import Division
from lds_mlflow.recipes.models import open_codec
from lds_mlflow.recipes.samplers import calibration_in, generator_as_configured, require_latents
from lds_mlflow.samplers import Generator
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet

__all__ = ["check", "run"]

_SHOWN = 256


def check(config: SampleConfig, division: Division, _device: str) -> None:
    """Raises LdsError where the training examples are not those that the sampler needs."""
    require_latents(config, config.sampler, division.train)
    require_classes_as_configured(config, division)


def run(config: SampleConfig, context: Context) -> str:
    """Logs one file for each sample (for images `samples/SEED.png`), and a grid of the first samples."""
    seeds = list(range(config.sample_seed, config.sample_seed + config.count))
    train = context.inputs["data"].load(ExampleSet, "train")
    domain, codec = domain_of(train.domain), open_codec(context.inputs["model"], train, context.device)
    posterior = codec.encode(train.examples_N)
    generator = generator_as_configured(config, config.sampler, codec, posterior, calibration_in(context))
    generator = Generator(codec, of_classes_as_configured(config, generator.distribution, train))
    samples = generator.samples(seeds, truncation=config.truncation)
    with tempfile.TemporaryDirectory() as folder:
        for seed, sample in zip(seeds, samples, strict=True):
            (Path(folder) / f"{seed:06d}{domain.suffix}").write_bytes(domain.file_content(sample))
        context.run.log_folder(Path(folder), "samples")
    context.run.log_picture(domain.grid(samples[:_SHOWN]), "pictures/samples.png")
    drawn = f"{len(samples):,} samples, seeds {seeds[0]} to {seeds[-1]}, truncation {config.truncation:g}"
    return f"{drawn}, from {generator.distribution.name}"
