"""Spaces in which density is measured: functions from training latents to a `LatentSpace`."""

from lds_mlflow.choices.choice import Choice

__all__ = ["SPACES"]

SPACES = {
    "raw": Choice("the latents as they are, as in the draft", "lds_mlflow.latent.space:raw"),
    "centred": Choice(
        "with their mean as the origin, which matters to the bandwidth norm/5 alone", "lds_mlflow.latent.space:centred"
    ),
    "whitened": Choice("with variance one along every principal axis", "lds_mlflow.latent.space:whitened"),
}
"""The spaces by name."""
