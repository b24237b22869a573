"""What samplers ask of the training latents."""

from torch import Tensor

from lds_mlflow.choices.samplers import FEWEST_OF_A_NETWORK
from lds_mlflow.errors import DataError
from lds_mlflow.latent.checks import require_finite

__all__ = ["require_components", "require_latents_of_a_network", "require_number"]


def require_components(components: int, n: int) -> None:
    """Raises DataError where there are more Gaussians of a mixture than training latents."""
    if n < components:
        raise DataError(
            "the training latents",
            found=f"{n}",
            expected=f"at least as many as sampler_components={components}",
            remedy="Ask for fewer components.",
        )


def require_number(n: int, fewest: int) -> None:
    """Raises DataError where there are fewer training latents than a sampler can be fitted to."""
    if n < fewest:
        raise DataError(
            "the training latents",
            found=f"{n}",
            expected=f"at least {fewest}, to fit this sampler to",
            remedy="Give more training images, or take another sampler, such as density.",
        )


def require_latents_of_a_network(z_ND: Tensor) -> None:
    """Raises DataError where latents, float [N, D], are too few to fit a network to, or one is not finite."""
    require_number(len(z_ND), FEWEST_OF_A_NETWORK)
    require_finite(z_ND, "training latent")
