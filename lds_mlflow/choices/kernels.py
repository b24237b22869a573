"""Kernels of the latent density: functions from training latents, float [N, D], and a bandwidth to tensors.

The tensors say how wide the noise about each latent is, as mixtures have them (`lds_mlflow.samplers.mixtures`).
"""

from lds_mlflow.choices.choice import Choice

__all__ = ["ISOTROPIC", "KERNELS"]

ISOTROPIC = "isotropic"
"""The draft's kernel (section 3.2)."""

KERNELS = {
    ISOTROPIC: Choice("the same noise in all directions", "lds_mlflow.samplers.kernels:isotropic"),
    "covariance": Choice(
        "noise with the covariance of all training latents", "lds_mlflow.samplers.kernels:of_covariance"
    ),
    "neighbours": Choice(
        "noise with the covariance of the 20 nearest about each latent", "lds_mlflow.samplers.kernels:of_neighbours"
    ),
}
"""The kernels by name."""
