"""Spaces in which density is measured: functions that give a `LatentSpace`.

An argument is `z_ND`, the training latents in float64, or a parameter of `lds_mlflow.latent.latent_space`.
"""

from lds_mlflow.choices.choice import Choice

__all__ = ["SPACES"]

_ALL = {"z_ND": "z_ND", "drop_inactive": "drop_inactive"}

SPACES = {
    "raw": Choice("the latents as they are, as in the draft", "lds_mlflow.latent.space:raw", _ALL),
    "centred": Choice(
        "with their mean as the origin, which matters to the bandwidth norm/5 alone",
        "lds_mlflow.latent.space:centred",
        _ALL,
    ),
    "whitened": Choice(
        "with variance one along every principal axis", "lds_mlflow.latent.space:whitened", {"z_ND": "z_ND"}
    ),
    "pca": Choice(
        "along the principal axes that have most of the variance, for latents of many numbers",
        "lds_mlflow.latent.space:principal",
        {"z_ND": "z_ND", "explained": "explained"},
    ),
}
"""The spaces by name."""
