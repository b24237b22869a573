"""The work of one trial: A, finetuning and samples, by the functions of the steps but without runs of the steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from time import monotonic
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from lds_mlflow.config import NO_RUN, AugmentConfig, EvaluateConfig, FinetuneConfig, StepConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.entry.graph import TEST_PARTS
from lds_mlflow.metrics import RealExamples, Yardstick
from lds_mlflow.models import Autoencoder, Codec, Trainable
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.seed_runs import SeedRuns, first_sample_of, shared_runs
from lds_mlflow.recipes import Ingredients, make_augmentation
from lds_mlflow.recipes.calibration import MOST_SAMPLES, calibrate
from lds_mlflow.recipes.extractors import extractor_as_configured, judge_of
from lds_mlflow.recipes.fit_requests import finetuning_as_configured
from lds_mlflow.recipes.models import codec_of
from lds_mlflow.recipes.samplers import generator_as_configured
from lds_mlflow.recipes.tracked_fit import discriminator_in
from lds_mlflow.training import FitHooks, fit
from lds_mlflow.values import AugmentationSet, ExampleSet, LatentSet, ModelWeights
from tuning.space import Value

C = TypeVar("C", bound=StepConfig)

__all__ = ["PARTS", "Bench", "Costs", "Figures", "SeedOutcome", "TrialBench"]

PARTS = 3
"""Parts of a seed's steps, after each of which its model is measured."""

Figures = Mapping[str, float]
"""Figures of samples by the part select, by their names in FIGURES."""


@dataclass(slots=True)
class Costs:
    """Seconds that a trial spent on finetuning, on sampling, and as a whole."""

    finetuning: float = 0.0
    sampling: float = 0.0
    whole: float = 0.0


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """The outcome of one seed of a trial.

    Attributes:
        figures: The measured figures, without those that can't be measured on these images.
        samples_S: The samples.
        weights: Weights of the finetuned model.
        n_augmented: Number of images of A.
    """

    figures: Figures
    samples_S: Tensor
    weights: ModelWeights
    n_augmented: int


@dataclass(frozen=True, slots=True)
class _Basis:
    """What all trials of a seed have in common; bandwidths are calibrated by as few examples as the step takes."""

    yardstick: Yardstick
    calibrated_by: Yardstick
    reserve: ExampleSet | None
    latents: LatentSet
    weights: ModelWeights
    discriminator: ModelWeights | None

    @property
    def train(self) -> ExampleSet:
        return self.yardstick.real.train

    @property
    def select(self) -> ExampleSet:
        return self.yardstick.real.held_out


class TrialBench(Protocol):
    """A bench, as a worker needs it."""

    def try_out(
        self, values: Mapping[str, Value], seed: int, costs: Costs, on_the_way: Callable[[int, Figures], None] | None
    ) -> SeedOutcome:
        """See Bench."""
        ...


@dataclass(slots=True)
class Bench:
    """Tries out parameters, and keeps the baseline of every seed in memory.

    Attributes:
        runner: Finds or makes the baselines.
        parent: Id of the run to nest them under.
        measured: The figures that a trial is judged by.
    """

    runner: Runner
    parent: str
    measured: tuple[str, ...]
    _bases: dict[int, _Basis] = field(default_factory=dict)

    def basis(self, seed: int) -> _Basis:
        """Returns what all trials of a seed have in common, and makes it if necessary."""
        if seed not in self._bases:
            self._bases[seed] = self._open(seed)
        return self._bases[seed]

    def try_out(
        self, values: Mapping[str, Value], seed: int, costs: Costs, on_the_way: Callable[[int, Figures], None] | None
    ) -> SeedOutcome:
        """Makes A, finetunes, and measures samples by the part select.

        Args:
            values: The parameters that differ from those of the command.
            seed: Seed of the baseline, A, finetuning and samples.
            costs: Costs to which the seconds are added.
            on_the_way: Called after each of the PARTS of the steps except the last, with the number of the part and
                the figures of the model's moving average at that point; None measures only at the end.

        Raises:
            SelectionError: These parameters select no A.
            TrainingError: Finetuning diverged.
        """
        basis, device = self.basis(seed), self.runner.device
        finetune = self._config(FinetuneConfig, {**values, "finetune_seed": seed})
        evaluate = self._config(EvaluateConfig, {**values, "part": "select"})
        augmentation = None if finetune.augment_run == NO_RUN else self._augmentation(values, seed)
        checkpoint_every = ceil(finetune.finetune_steps / PARTS)
        request = finetuning_as_configured(
            finetune,
            basis.weights,
            basis.train,
            augmentation,
            checkpoint_every=checkpoint_every,
            discriminator=basis.discriminator,
        )
        task = replace(request.task, model=request.task.model.to(device))
        started, apart = monotonic(), 0.0

        def at_checkpoint(step: int, average: Trainable) -> None:
            nonlocal apart
            if on_the_way is not None and step < finetune.finetune_steps:
                began = monotonic()
                figures, _ = self._measure(average, basis, evaluate, seed, costs)
                on_the_way(step // checkpoint_every, figures)
                apart += monotonic() - began

        with self.runner.interruption.deferred() as stop:
            result = fit(task, hooks=FitHooks(on_checkpoint=at_checkpoint, stop=stop, description="finetuning"))
        costs.finetuning += monotonic() - started - apart
        figures, samples = self._measure(result.model, basis, evaluate, seed, costs)
        n = 0 if augmentation is None else len(augmentation.examples_A)
        return SeedOutcome(figures, samples, replace(result.model.to_weights(), domain=request.domain), n)

    def _augmentation(self, values: Mapping[str, Value], seed: int) -> AugmentationSet:
        basis = self.basis(seed)
        config = self._config(AugmentConfig, {**values, "augment_seed": seed})
        codec = codec_of(basis.weights, basis.train, self.runner.device)
        ingredients = Ingredients(
            basis.latents, codec, basis.train, held_out=lambda: basis.select, reserve=lambda: basis.reserve
        )
        return make_augmentation(config, ingredients).examples

    def _measure(
        self, model: Autoencoder, basis: _Basis, config: EvaluateConfig, seed: int, costs: Costs
    ) -> tuple[Figures, Tensor]:
        started, first, n = monotonic(), first_sample_of(seed), len(basis.select)
        with torch.no_grad():
            codec = Codec(model, domain_of(basis.train.domain).scale)
            posterior = codec.encode(basis.train.examples_N)
            calibration = None
            if config.is_calibrated:
                calibration = calibrate(codec, posterior, basis.calibrated_by, kernel=config.sampler_kernel)
            generator = generator_as_configured(config, config.sampler, codec, posterior, calibration)
            samples = generator.samples(range(first, first + n))
            reconstructions_N = codec.decode(codec.encode(basis.select.examples_N).mean)
        costs.sampling += monotonic() - started
        limiting = basis.yardstick.measure_reconstructions(reconstructions_N)
        return basis.yardstick.measure(samples, self.measured) | limiting, samples

    def _config(self, kind: type[C], values: Mapping[str, Value | str]) -> C:
        return self.runner.config(kind, {name: value for name, value in values.items() if name in kind.model_fields})

    def _open(self, seed: int) -> _Basis:
        return self.runner.healing(lambda: self._read(seed))

    def _read(self, seed: int) -> _Basis:
        runner = self.runner
        runs = SeedRuns(runner, shared_runs(runner, {}, self.parent), seed, self.parent).baseline()
        data = runs["data"].without(*TEST_PARTS)
        train = data.load(ExampleSet, "train")
        judge = None
        if "classifier" in runs:
            judge = judge_of(runs["classifier"].load(ModelWeights, "classifier"), runner.device)
        evaluate = self._config(EvaluateConfig, {"part": "select"})
        extractor = extractor_as_configured(evaluate, judge, train, device=runner.device, cache=None)
        select = data.load(ExampleSet, "select")
        yardstick = Yardstick.of(RealExamples(train, select), extractor=extractor, judge=judge, k=evaluate.k_neighbours)
        few = RealExamples(train, select.spread(MOST_SAMPLES))
        return _Basis(
            yardstick=yardstick,
            calibrated_by=yardstick
            if len(select) <= MOST_SAMPLES
            else Yardstick.of(few, extractor=extractor, judge=None, k=evaluate.k_neighbours),
            reserve=data.load(ExampleSet, "reserve") if "reserve_examples" in data.metrics else None,
            latents=runs["encode"].load(LatentSet, "latents"),
            weights=runs["train"].load(ModelWeights, "model"),
            discriminator=discriminator_in(runs["train"]),
        )
