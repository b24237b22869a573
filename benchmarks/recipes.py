"""What each recipe of the loss gives on some data, and each sampler of the latent density beside the prior.

    python -m benchmarks.recipes            # the digits, every recipe that needs no file, five paired seeds
    python -m benchmarks.recipes --quick    # under a minute: the default recipe, one short training
    python -m benchmarks.recipes --data torchvision:FashionMNIST:FOLDER --resolution 32 --limit 2000 --part test
    python -m benchmarks.recipes --data FOLDER --features squeezenet --weights FILE --perceptual-weights FILE

A baseline is trained for each recipe and seed as the step `train` does it. Its samples are measured beside real
training images (the floor), reconstructions of held-out images and the prior: the latent density of every kernel, at
the draft's bandwidth and at the one that `calibrate` finds by the part select. Seeds are paired: recipes have the same
batches with one seed, and samplers draw by the same seeds. The short training of --quick has its KL term warmed up,
without which so few steps come to nothing.

Every recipe gets a table of means over the seeds with Student's 95 % intervals, which are of trainings and samples: the
real images are the same for all. The last line is one JSON object, about the default sampler (the calibrated density)
of the default recipe, or of the first where others are named.

--kept FILE keeps the figures of each seed, so that the same command goes on where it was stopped; pictures are then
drawn of the seeds that are trained anew.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import click
import torch
from torch import Tensor

from benchmarks.recipe_tables import COLUMNS, DEFAULT, DENSITY, Rows, cell, headlines, side_by_side, table, values_of
from lds_mlflow.choices.bandwidths import CALIBRATED, DRAFTS_BANDWIDTH
from lds_mlflow.choices.distances import DISTANCES
from lds_mlflow.choices.extractors import EXTRACTORS
from lds_mlflow.choices.figures import HEADLINES, SUMMARY
from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.choices.recipes import RECIPES
from lds_mlflow.choices.samplers import PRIOR
from lds_mlflow.config import (
    ClassifierConfig,
    Configs,
    DataConfig,
    EvaluateConfig,
    FeatureSettings,
    TrainConfig,
    parse_all,
)
from lds_mlflow.data import declare_parts, limit_examples, read_parts, split_examples
from lds_mlflow.domains import domain_of, domain_of_source
from lds_mlflow.errors import LdsError
from lds_mlflow.metrics import Extractor, RealExamples, Yardstick
from lds_mlflow.models import Codec
from lds_mlflow.pipeline.seed_runs import first_sample_of
from lds_mlflow.recipes.calibration import MOST_SAMPLES, calibrate
from lds_mlflow.recipes.extractors import extractor_as_configured, judge_of
from lds_mlflow.recipes.fit_requests import training_as_configured
from lds_mlflow.recipes.reading import reading_as_configured
from lds_mlflow.recipes.samplers import generator_as_configured
from lds_mlflow.samplers import Generator
from lds_mlflow.training import FitHooks, fit
from lds_mlflow.values import Calibration, ExampleSet, Splits

__all__ = ["main"]

_KINDS = (DataConfig, TrainConfig, ClassifierConfig, EvaluateConfig)
_KNOWN = {name for kind in (DataConfig, TrainConfig, FeatureSettings) for name in kind.model_fields}
_KNOWN = _KNOWN - {"data_run", "classifier_run"} | {"classifier_steps", "part", "flow_steps"}
_DEFAULT_RECIPE, _DEFAULT_KERNEL = TrainConfig().recipe, EvaluateConfig().sampler_kernel
_SEEDS, _NEVER = 5, 2**62
_QUICK = {"train_steps": 700, "kl_warmup": 350}


class Study(NamedTuple):
    """What all recipes and seeds have in common.

    `select` measures what is chosen and `judged` what is reported; `floor` are the figures of real training images.
    """

    splits: Splits
    select: Yardstick
    judged: Yardstick
    device: str
    floor: Mapping[str, float]


class Found(NamedTuple):
    """Figures of the training of one seed, and of what was then measured."""

    training: dict[str, float]
    rows: Rows


class Kept(NamedTuple):
    """Keeps what was found for each seed as a line of a file, so that a study that was stopped can go on.

    It doesn't see that the code or the images have changed: a changed study needs another file.

    Attributes:
        file: The file; None keeps nothing.
    """

    file: Path | None

    def find_or_make(self, configs: Configs, flow: bool, make: Callable[[], Found]) -> Found:
        """Returns what the file has for some parameters, or makes it and adds it to the file."""
        given = [config.model_dump(mode="json") for config in configs.all]
        key = json.dumps([*given, {"flow": flow}], sort_keys=True)
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file and self.file.exists() else []
        # A process that was killed may have left half a line.
        for line in (json.loads(text) for text in lines if text.endswith("}")):
            if line["key"] == key:
                return Found(line["training"], line["rows"])
        found = make()
        if self.file:
            with self.file.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps({"key": key, **found._asdict()}) + "\n")
        return found


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything that is not given.")
@click.option("--data", default=DataConfig().data, show_default=True, help="Source of the images.")
@click.option("--resolution", default=0, help="Side in pixels to bring the images to; 0 leaves them.")
@click.option("--limit", default=0, help="Largest number of images, without a declared test part; 0 uses all.")
@click.option("--recipe", "recipes", multiple=True, type=click.Choice(list(RECIPES)), help="A recipe, of several.")
@click.option("--perceptual-weights", default="", help="SqueezeNet's weights, for the recipes that take them.")
@click.option("--steps", default="", help="Steps of training; auto, the default, trains until more gain nothing.")
@click.option("--seeds", type=click.IntRange(1), help=f"Number of paired seeds, usually {_SEEDS}.")
@click.option("--part", default="select", show_default=True, help="Measure on the part select or test.")
@click.option("--features", default=EvaluateConfig().features, show_default=True, help="Feature extractor.")
@click.option("--weights", "feature_weights", default="", help="File of the weights of the feature extractor.")
@click.option("--flow", is_flag=True, help="Also the flow-matching prior.")
@click.option("--kept", type=click.Path(path_type=Path), help="File that keeps the figures of each seed.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for a picture of samples for each recipe.")
@click.option("--threads", default=1, show_default=True, help="Threads of torch.")
@click.option("-P", "others", multiple=True, help="NAME=VALUE: another parameter of data, train or evaluate.")
def main(
    *,
    quick: bool,
    recipes: tuple[str, ...],
    perceptual_weights: str,
    steps: str,
    seeds: int | None,
    flow: bool,
    kept: Path | None,
    pictures: Path | None,
    threads: int,
    others: tuple[str, ...],
    **values: str | int,
) -> None:
    """Tabulates recipes and samplers on some data."""
    torch.set_num_threads(threads)
    usual = [_DEFAULT_RECIPE] if quick else [name for name in RECIPES if perceptual_weights or not _needs_file(name)]
    given = dict(pair.partition("=")[::2] for pair in others)
    if twice := given.keys() & {*values, "train_steps", "recipe", "perceptual_weights"}:
        raise click.UsageError(f"There is an option for {', '.join(sorted(twice))}: -P is for what has none.")
    values |= (_QUICK if quick else {}) | ({"train_steps": steps} if steps else {}) | given
    try:
        configs = {
            name: parse_all(
                _KINDS,
                {**values, "recipe": name, "perceptual_weights": perceptual_weights if _needs_file(name) else ""},
                _KNOWN,
            )
            for name in recipes or usual
        }
        found = _studied(
            configs, seeds=seeds or (1 if quick else _SEEDS), flow=flow, kept=Kept(kept), pictures=pictures
        )
    except LdsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(found))


def _needs_file(recipe: str) -> bool:
    return DISTANCES[RECIPES[recipe].perceptual].needs_file


def _studied(
    configs: Mapping[str, Configs], *, seeds: int, flow: bool, kept: Kept, pictures: Path | None
) -> dict[str, float]:
    """Prints the table of every recipe, and returns the figures of the default one, or of the first."""
    study = _study(list(configs.values()))
    results = {}
    for recipe, of_recipe in configs.items():
        found: list[Found] = []
        first = of_recipe[TrainConfig].train_seed
        for seed in range(first, first + seeds):
            config = of_recipe[TrainConfig].model_copy(update={"train_seed": seed})
            of_seed = Configs((of_recipe[DataConfig], config, of_recipe[ClassifierConfig], of_recipe[EvaluateConfig]))
            picture = pictures / f"{recipe}.png" if pictures and seed == first else None
            found.append(kept.find_or_make(of_seed, flow, partial(_of_seed, of_seed, study, flow, picture)))
        rows = [each.rows for each in found]
        trainings = _in_words([each.training for each in found])
        click.echo(f"\n{recipe} ({RECIPES[recipe].says}): {trainings}\n\n{table(rows)}")
        results[recipe] = headlines(rows)
    return results.get(_DEFAULT_RECIPE) or next(iter(results.values()))


def _of_seed(configs: Configs, study: Study, flow: bool, picture: Path | None) -> Found:
    """Trains a baseline and measures its samples; draws those of the prior and the density beside real images."""
    codec, training = _trained(configs[TrainConfig], study)
    generators = _generators(codec, configs[EvaluateConfig], study, flow=flow)
    held_out, first = study.judged.real.held_out.examples_N, first_sample_of(configs[TrainConfig].train_seed)
    samples = {name: found.samples(range(first, first + len(held_out))) for name, found in generators.items()}
    rows = _measured(codec, samples, study)
    for name, found in generators.items():
        rows[name] |= {key: value for key, value in found.distribution.settings.items() if key in COLUMNS}
    if picture:
        picture.parent.mkdir(parents=True, exist_ok=True)
        side_by_side(held_out, samples[PRIOR], samples[DEFAULT]).save(picture)
    return Found(training, rows)


def _study(configs: Sequence[Configs]) -> Study:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    splits, config = _parts(configs[0][DataConfig]), configs[0][EvaluateConfig]
    extractor = _extractor(configs[0], splits.train, device)
    judged = splits.test if config.part == "test" else splits.select
    select, reported = (
        Yardstick.of(RealExamples(splits.train, part), extractor=extractor, judge=None, k=config.k_neighbours)
        for part in (splits.select.spread(MOST_SAMPLES), judged)
    )
    click.echo(
        f"{splits.train.name}: {len(splits.train):,} training images, measured on {len(judged):,} of the part "
        f"{config.part} by {extractor.name}; {torch.get_num_threads()} threads, {device}"
    )
    # Training images are copies of themselves, so the floor has no figures of copies.
    floor = reported.measure(splits.train.spread(len(judged)).examples_N, HEADLINES)
    for of_recipe in configs:
        # Fails where a recipe is for other images, before any is trained.
        training_as_configured(of_recipe[TrainConfig], splits.train, checkpoint_every=_NEVER)
    return Study(splits, select, reported, device, floor)


def _parts(config: DataConfig) -> Splits:
    examples = domain_of_source(config.data).load(config.data, reading_as_configured(config))
    if config.split_list:
        examples = declare_parts(examples, read_parts(Path(config.split_list)))
    return split_examples(
        limit_examples(examples, config.limit, seed=config.split_seed),
        select_fraction=config.select_fraction,
        test_fraction=config.test_fraction,
        reserve_fraction=config.reserve_fraction,
        seed=config.split_seed,
    )


def _extractor(configs: Configs, train: ExampleSet, device: str) -> Extractor:
    config, judge = configs[EvaluateConfig], None
    if EXTRACTORS[config.features].needs_judge:
        of_judge = configs[ClassifierConfig]
        weights = domain_of(train.domain).train_classifier(
            train, steps=of_judge.classifier_steps, seed=of_judge.classifier_seed, device=device
        )
        judge = judge_of(replace(weights, domain=train.domain), device)
    return extractor_as_configured(config, judge, train, device=device, cache=None)


def _trained(config: TrainConfig, study: Study) -> tuple[Codec, dict[str, float]]:
    """Returns a baseline, and figures of its training; that it had converged is 1, and without one not known."""
    train, started = study.splits.train, perf_counter()
    task = training_as_configured(config, train, checkpoint_every=_NEVER).task
    task = replace(task, model=task.model.to(study.device), held_out_N=study.splits.select.examples_N)
    result = fit(task, hooks=FitHooks(description=f"{config.recipe}, seed {config.train_seed}"))
    found = {"minutes": (perf_counter() - started) / 60, "steps": float(result.step)}
    converged = result.ending.converged
    return Codec(result.model, task.scale), found | ({} if converged is None else {"converged": float(converged)})


def _generators(codec: Codec, config: EvaluateConfig, study: Study, *, flow: bool) -> dict[str, Generator]:
    """Returns what draws samples, by its name in a table."""
    posterior = codec.encode(study.splits.train.examples_N)

    def of(sampler: str, found: Calibration | None = None, **changes: str) -> Generator:
        return generator_as_configured(config.model_copy(update=changes), sampler, codec, posterior, found)

    generators = {PRIOR: of(PRIOR)}
    for kernel in KERNELS:
        found = calibrate(codec, posterior, study.select, kernel=kernel)
        for sigma in (DRAFTS_BANDWIDTH, CALIBRATED):
            name = DENSITY.format(kernel, sigma)
            generators[name] = of("density", found, sampler_kernel=kernel, sampler_sigma=sigma)
    return generators | ({"flow": of("flow")} if flow else {})


def _measured(codec: Codec, samples: Mapping[str, Tensor], study: Study) -> Rows:
    held_out = study.judged.real.held_out
    reconstructed = codec.decode(codec.encode(held_out.examples_N).mean)
    return {
        "real training images (the floor)": dict(study.floor),
        "reconstructions of held-out images": study.judged.measure(reconstructed, SUMMARY),
        **{name: study.judged.measure(found, SUMMARY) for name, found in samples.items()},
    }


def _in_words(trainings: Sequence[Mapping[str, float]]) -> str:
    minutes, steps, converged = (values_of(trainings, name) for name in ("minutes", "steps", "converged"))
    known = f"; {sum(converged):.0f} of {len(converged)} trainings had converged" if converged else ""
    return f"minutes of training {cell(minutes)}; steps {cell(steps)}; paired seeds {len(trainings)}{known}"


if __name__ == "__main__":
    main()
