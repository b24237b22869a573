"""A model with the distribution of its latents: seeds in, samples out."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models import Codec
from lds_mlflow.samplers.draws import draw_latents
from lds_mlflow.samplers.mixtures import prior_distribution
from lds_mlflow.values import LatentDistribution

__all__ = ["Generator", "prior_of"]


def prior_of(codec: Codec) -> LatentDistribution:
    """Returns a model's own prior as a distribution of latents."""
    return prior_distribution(codec.model.prior_mixture(), codec.latent_dim)


@dataclass(frozen=True, slots=True)
class Generator:
    """Draws samples of a model, each from a seed of its own.

    Attributes:
        codec: The model.
        distribution: What its latents are drawn from.
    """

    codec: Codec
    distribution: LatentDistribution

    def latents(self, seeds: Sequence[int], *, truncation: float = 1.0) -> Tensor:
        """Draws a latent for every seed, float32 [S, D]; see `draw_latents`."""
        return draw_latents(self.distribution, list(seeds), truncation=truncation)

    def samples(self, seeds: Sequence[int], *, truncation: float = 1.0, ranks: Ranks = ALONE) -> Tensor:
        """Draws a sample for every seed, [S, ...], as examples are stored.

        Args:
            seeds: One for every sample, 0 to 2^32 - 1.
            truncation: What the distance from the distribution's mean is multiplied by; below 1 gives more typical
                samples.
            ranks: The processes that share the decoding.
        """
        return self.codec.decode(self.latents(seeds, truncation=truncation), ranks=ranks)
