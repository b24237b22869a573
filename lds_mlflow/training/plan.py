"""How to fit, and which examples and noise belong to a step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lds_mlflow.choices.adversaries import JOINT
from lds_mlflow.choices.discriminator_augmentations import NO_AUGMENTATION
from lds_mlflow.training.compilation import Compilation
from lds_mlflow.training.discriminator_augmentation import N_CHANCES

__all__ = ["Batch", "ExampleForm", "FitPlan", "Precision", "draw_batch"]

Precision = Literal["float32", "bfloat16"]
_EMA_RAMP = 0.1


@dataclass(frozen=True, slots=True)
class FitPlan:
    """How to fit.

    Attributes:
        steps: Optimizer steps, or the most of them where `until_done`.
        batch_size: Images per step, drawn with replacement, of all processes together.
        learning_rate: Adam's step size.
        kl_weight: Factor on the KL term; 1 is the evidence lower bound.
        ema_images: Images after which weights count half in the moving average of the weights.
        seed: Determines batches and noise.
        until_done: Whether training ends when held-out examples show that more steps gain nothing; see `ending_of`.
        rate_fall: Share of the steps, at the end, over which the learning rate falls to 0 in a straight line.
        check_every: Steps between two measurements on held-out examples, if there are any; 0 for none.
        kl_warmup: Steps over which the factor on the KL term rises from 0, linearly (Bowman et al., Generating
            Sentences from a Continuous Space, 2016, section 3.1).
        free_bits: Nats per latent dimension below which the KL term costs nothing (Kingma et al., Improving Variational
            Inference with Inverse Autoregressive Flow, 2016, equation 15, with all dimensions as one group).
        perceptual_weight: Weight of the perceptual distance, if there is one, in nats per pixel and unit.
        adversary: What the discriminator judges and how it counts, a key of ADVERSARIES.
        adversarial_weight: Weight of the adversarial loss (logistic). With the adversary "joint" it is in nats per
            pixel at a squared error of 1, and divided by the squared error, as the likelihood's is; with "balanced" it
            is the norm of the gradient at the samples, beside that of the rest of the loss at the reconstructions.
        feature_weight: Weight of the squared distance of reconstructions by the discriminator's features, in nats per
            pixel at a squared error of 1, and divided by it. Where both weights are 0, no discriminator is trained.
        adversary_after: Steps before the discriminator joins; None: it joins when the learning rate begins to fall.
        discriminator_augmentation: How images are changed before the discriminator sees them, a key of
            DISCRIMINATOR_AUGMENTATIONS.
        r1_gamma: gamma of R1, which is gamma / 2 times the squared gradient.
        precision: What convolutions are computed in; the posterior and the loss are float32 always.
        compiled: Whether torch.compile makes one program of a step's forward and backward pass; "auto" does on a GPU.
        deterministic: Whether a GPU takes algorithms alone that give the same bits each time.
        log_every: Steps between two logged figures.
        checkpoint_every: Steps between two checkpoints.
        max_skipped: Steps with a loss or gradient that is not finite that are skipped before giving up, which is
            decided when figures are logged.
    """

    steps: int
    batch_size: int
    learning_rate: float
    kl_weight: float
    ema_images: float
    seed: int
    until_done: bool = False
    rate_fall: float = 0.25
    check_every: int = 0
    kl_warmup: int = 0
    free_bits: float = 0.0
    perceptual_weight: float = 1.0
    adversarial_weight: float = 0.0
    feature_weight: float = 0.0
    adversary: str = JOINT
    adversary_after: int | None = 0
    discriminator_augmentation: str = NO_AUGMENTATION
    r1_gamma: float = 1.0
    precision: Precision = "float32"
    compiled: Compilation = "auto"
    deterministic: bool = False
    log_every: int = 50
    checkpoint_every: int = 1000
    max_skipped: int = 10

    @property
    def has_adversary(self) -> bool:
        """Whether a discriminator is trained."""
        return bool(self.adversarial_weight or self.feature_weight)

    def has_adversary_at(self, step: int, rate: float) -> bool:
        """Returns whether a discriminator takes part in a step, counted from 0, with a factor on the learning rate.

        It does in any case while the learning rate falls, and in all steps where it waits for a fall that never comes.
        """
        joins = step >= self.adversary_after if self.adversary_after is not None else not self.rate_fall
        return self.has_adversary and (rate < 1 or joins)

    def adversary_joins_at(self, fall: int) -> int:
        """Returns the steps before a discriminator joins ahead of the fall of the learning rate, or 0 if none does."""
        after = self.adversary_after if self.has_adversary else None
        return after if after is not None and after < fall else 0

    def kl_weight_at(self, step: int) -> float:
        """Returns the factor on the KL term in a step, counted from 0."""
        return self.kl_weight * min(1.0, (step + 1) / self.kl_warmup) if self.kl_warmup else self.kl_weight

    def counted(self, kl: Tensor, latent_dim: int, over_all: Callable[[Tensor], Tensor] = lambda mean: mean) -> Tensor:
        """Returns the mean KL term as the loss counts it: no less than the free bits, below which it has no gradient.

        Args:
            kl: The mean over this process's share of the batch, a scalar in nats.
            latent_dim: D.
            over_all: Returns the mean over all processes.
        """
        least = self.free_bits * latent_dim
        return torch.where(over_all(kl.detach()) > least, kl, least) if least else kl

    def ema_weight_at(self, step: int) -> float:
        """Returns what the weights after a step, counted from 0, count in their moving average.

        At first these are more: the half-life is at most a tenth of the images so far (as in Karras et al., Training
        Generative Adversarial Networks with Limited Data, 2020, whose ramp is a twentieth).
        """
        half_life = min(self.ema_images, _EMA_RAMP * (step + 1) * self.batch_size)
        return 1 - 0.5 ** (self.batch_size / half_life) if half_life else 1.0


class ExampleForm(NamedTuple):
    """What every process of a fit knows of the examples, which only the leading process has.

    Attributes:
        n: Number of examples.
        n_decoded: Number of latents that the encoder is trained to find; the last examples were decoded from them.
        shape: The shape of one example.
        dtype: The type of the stored examples.
        n_made: Number of examples, the last ones, that a model has made, and that a discriminator never takes for real.
    """

    n: int
    n_decoded: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    n_made: int = 0

    @property
    def is_mixed(self) -> bool:
        """Whether batches for the evidence bound may hold examples that a model has made."""
        return self.n_made > self.n_decoded


class Batch(NamedTuple):
    """What a step draws, or one process's share of it.

    Attributes:
        rows: Rows of the examples that the evidence bound is of, int64.
        noise: Standard normal noise of each, float32 [., D].
        decoded: Rows among the latents that the encoder is to find, int64.
        kernel: Where a fit has an adversary: normal numbers, float32 [., D], each row of a standard deviation that is
            uniform on 0..1. They lead from latents of images to latents of samples.
        chances: Where a fit has an adversary: uniform on 0..1, float32 [., N_CHANCES], by which images are changed.
        real: Where a fit has an adversary and some of `rows` were made by a model: rows of examples that were not,
            int64, which the discriminator takes for real in their place.
    """

    rows: Tensor
    noise: Tensor
    decoded: Tensor
    kernel: Tensor
    chances: Tensor
    real: Tensor

    def share(self, rank: int, size: int) -> "Batch":
        """Returns what one of `size` processes computes."""
        return Batch(*(part.chunk(size)[rank] if len(part) else part for part in self))


def draw_batch(plan: FitPlan, step: int, form: ExampleForm, *, latent_dim: int, size: int) -> Batch:
    """Returns the batch of a step, which depends only on the seed and the step.

    Args:
        plan: How to fit.
        step: Steps done before.
        form: How many examples there are, and how many of them were decoded from latents.
        latent_dim: D.
        size: Processes, among which each part of the batch is divided evenly.
    """
    generator = _generator(plan.seed, step)
    n, n_decoded = form.n, form.n_decoded
    # Where there are few decoded examples, or many processes, each process still has one of them.
    in_proportion = plan.batch_size * n_decoded // n // size * size
    of_decoded = min(max(in_proportion, size), plan.batch_size - size) if n_decoded else 0
    of_images = plan.batch_size - of_decoded
    judged = of_images if plan.has_adversary else 0
    chosen = judged if form.is_mixed else 0
    return Batch(
        torch.randint(n - n_decoded, (of_images,), generator=generator),
        torch.randn(of_images, latent_dim, generator=generator),
        torch.randint(max(n_decoded, 1), (of_decoded,), generator=generator),
        torch.randn(judged, latent_dim, generator=generator) * torch.rand(judged, 1, generator=generator),
        torch.rand(judged, N_CHANCES, generator=generator),
        torch.randint(n - form.n_made, (chosen,), generator=generator),
    )


def _generator(seed: int, step: int) -> torch.Generator:
    state = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
