"""Priors of the latents of the model that the project trains: modules that follow `lds_mlflow.models.stylegan.Prior`.

An argument is given by a field of the model's `VaeSpec`.
"""

from dataclasses import dataclass
from typing import Literal

from lds_mlflow.choices.choice import Choice

__all__ = ["GAUSSIAN", "KEEP", "PRIORS", "PriorChoice"]

GAUSSIAN = "gaussian"
"""The prior that a model begins with, and the default."""

KEEP = "keep"
"""Finetuning leaves the model its own prior."""


@dataclass(frozen=True, slots=True)
class PriorChoice(Choice):
    """A prior.

    Attributes:
        made_of: What its components are, one each: training examples, pseudo-inputs, or nothing where it has none.
    """

    made_of: Literal["nothing", "examples", "pseudo-inputs"] = "nothing"


PRIORS = {
    GAUSSIAN: PriorChoice("the standard normal distribution", "lds_mlflow.models.stylegan.priors:GaussianPrior"),
    "exemplar": PriorChoice(
        "the latent density itself, with a learned bandwidth",
        "lds_mlflow.models.stylegan.priors:ExemplarPrior",
        {"n": "components", "latent_dim": "latent_dim"},
        made_of="examples",
    ),
    "vamp": PriorChoice(
        "the posteriors of learned pseudo-inputs",
        "lds_mlflow.models.stylegan.priors:VampPrior",
        {"n": "components", "channels": "channels", "resolution": "resolution"},
        made_of="pseudo-inputs",
    ),
}
"""The priors by name."""
