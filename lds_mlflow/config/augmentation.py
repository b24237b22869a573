"""Configuration of `augment`."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.choices import phrases
from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.candidates import CANDIDATES, EXHAUSTIVE
from lds_mlflow.choices.combinations import COMBINATIONS
from lds_mlflow.choices.interpolations import INTERPOLATIONS, LINEAR
from lds_mlflow.choices.scorers import SCORERS
from lds_mlflow.choices.selections import SELECTIONS
from lds_mlflow.choices.sources import SOURCES
from lds_mlflow.choices.spaces import SPACES
from lds_mlflow.choices.stratifications import STRATIFICATIONS
from lds_mlflow.config.base import CountOrAll, Declared, Fraction, Positive, RunReference, Seed, StepConfig
from lds_mlflow.config.choice import OneOf
from lds_mlflow.config.sigma import Sigma

__all__ = ["AugmentConfig"]


class AugmentConfig(StepConfig):
    """Interpolate latents into candidates, score them by latent density, select, and decode the augmentation set A."""

    encode_run: RunReference = "auto"
    """Run of the step encode, or auto."""

    source: Annotated[str, OneOf(phrases(SOURCES))] = "interpolants"
    """What the augmentation set A is made of; the parameters that follow select interpolants."""

    augmentation_ratio: Annotated[float, Field(gt=0, le=10)] = 0.5
    """Size of A at most, as a share of the training part; the draft's is 10,000 / 20,000."""

    candidates: Annotated[str, OneOf(phrases(CANDIDATES))] = "sampled"
    """Which candidates are scored."""

    interpolation: Annotated[str, OneOf(phrases(INTERPOLATIONS))] = LINEAR
    """How a candidate lies between its parents."""

    parent_neighbours: CountOrAll = 0
    """Draw the second parent among this many nearest to the first; 0 draws it among all, as the draft does."""

    every_alpha: bool = False
    """Whether a pair gives all nine alphas, which is cheaper to score, or a random one."""

    scorer: Annotated[str, OneOf(phrases(SCORERS))] = "exact"
    """Training latents that a candidate is scored against."""

    latent_space: Annotated[str, OneOf(phrases(SPACES))] = "raw"
    """Space in which density is measured."""

    drop_inactive: bool = False
    """Whether dimensions with less than 0.01 of the largest variance are left out of distances."""

    sigma: Sigma = DRAFTS_BANDWIDTH
    """Bandwidth: norm/5 (the draft's: a fifth of the mean norm), scott, silverman, median, knn, loo, or a number."""

    sigma_multiplier: Positive = 1.0
    """What the bandwidth is multiplied by."""

    leave_endpoints_out: bool = False
    """Whether a candidate's own two parents are left out of its score."""

    selection: Declared[Annotated[str, OneOf(phrases(SELECTIONS))]] = "top"
    """Rule by which candidates are kept."""

    top_fraction: Declared[Annotated[float, Field(gt=0, le=1)]] = 0.2
    """Share of the candidates that top, paper, random and power keep; as many candidates are drawn as that needs."""

    tau: Positive = 0.28
    """Threshold on LDS for paper and threshold; the draft's is 0.28, which few latents can reach."""

    combine: Annotated[str, OneOf(phrases(COMBINATIONS))] = "both"
    """How the rule paper combines tau and the top fraction."""

    gamma: Annotated[float, Field(ge=-1, le=1)] = 1.0
    """Exponent for power; negative favours sparse regions, 0 is random."""

    mass: Fraction = 0.9
    """Share of real latents that conformal, highest-density and typical let pass."""

    sharpest_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the selected that a second filter keeps, the sharpest (the draft's LDS + SS); 1 is without it."""

    stratify: Annotated[str, OneOf(phrases(STRATIFICATIONS))] = "none"
    """What the selection keeps the training shares of."""

    clusters: Annotated[int, Field(ge=2)] = 10
    """Clusters for stratify=cluster."""

    max_per_parent: CountOrAll = 0
    """How often a training image may be a parent in A; 0 is any number."""

    augment_seed: Seed = 0
    """Seed of the candidates, and of selections that draw."""

    @field_validator("interpolation")
    @classmethod
    def _is_linear_if_exhaustive(cls, value: str, info: ValidationInfo) -> str:
        if value != LINEAR and info.data.get("candidates") == EXHAUSTIVE:
            raise ValueError(f"should be {LINEAR} where candidates is {EXHAUSTIVE}")
        return value
