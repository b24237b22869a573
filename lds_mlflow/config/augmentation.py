"""Configurations of the steps that make the augmentation set A: `encode` and `augment`."""

from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.choices import phrases
from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.candidates import CANDIDATES, EXHAUSTIVE
from lds_mlflow.choices.combinations import COMBINATIONS
from lds_mlflow.choices.interpolations import INTERPOLATIONS, LINEAR
from lds_mlflow.choices.scorers import SCORERS
from lds_mlflow.choices.selections import SELECTIONS, TOP
from lds_mlflow.choices.sources import INTERPOLANTS, SOURCES
from lds_mlflow.choices.spaces import SPACES
from lds_mlflow.choices.stratifications import STRATIFICATIONS
from lds_mlflow.config.base import MOST, CountOrAll, Declared, Fraction, Positive, RunReference, Seed, StepConfig
from lds_mlflow.config.choice import ChoiceOf
from lds_mlflow.config.sigma import Sigma

__all__ = ["AugmentConfig"]


class AugmentConfig(StepConfig):
    """Interpolate latents into candidates, score them by latent density, and decode those selected into the set A."""

    topic: ClassVar[str] = "Augment"

    encode_run: RunReference = "auto"
    """Run of the step encode; auto finds or makes one."""

    source: Annotated[str, ChoiceOf(phrases(SOURCES))] = INTERPOLANTS
    """What the augmentation set A is made of; the parameters that follow select interpolants."""

    augmentation_ratio: Annotated[float, Field(gt=0, le=10)] = 0.5
    """Largest size of A, as a share of the training part; the draft's is 10,000 / 20,000 = 0.5."""

    candidates: Annotated[str, ChoiceOf(phrases(CANDIDATES))] = "sampled"
    """Which candidates are scored."""

    interpolation: Annotated[str, ChoiceOf(phrases(INTERPOLATIONS))] = LINEAR
    """How a candidate lies between its parents."""

    parent_neighbours: CountOrAll = 0
    """Draw the second parent from this many nearest neighbours of the first; 0 draws from all, as the draft does."""

    every_alpha: bool = False
    """Whether each pair gives candidates at all nine alphas, which is cheaper to score, or at one random alpha."""

    scorer: Annotated[str, ChoiceOf(phrases(SCORERS))] = "exact"
    """Training latents that a candidate is scored against."""

    latent_space: Annotated[str, ChoiceOf(phrases(SPACES))] = "raw"
    """Space in which density is measured."""

    explained: Fraction = 0.9
    """Share of the variance of the training latents that the axes of latent_space=pca have together."""

    drop_inactive: bool = False
    """Whether distances leave out the dimensions with less than 0.01 of the largest variance."""

    sigma: Sigma = DRAFTS_BANDWIDTH
    """Bandwidth: norm/5 (the draft's, a fifth of the mean norm), scott, silverman, median, knn, loo, or a number."""

    sigma_multiplier: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    """Factor by which the bandwidth is multiplied."""

    leave_endpoints_out: bool = False
    """Whether a candidate's score leaves out its own two parents; the draft counts them."""

    selection: Declared[Annotated[str, ChoiceOf(phrases(SELECTIONS))]] = TOP
    """Rule by which candidates are kept."""

    top_fraction: Declared[Annotated[float, Field(gt=0, le=1)]] = 0.2
    """Share of the candidates that top, paper, random and power keep; a smaller one draws more candidates."""

    tau: Positive = 0.28
    """Threshold on the density score for paper and threshold; the draft's is 0.28, which few latents can reach."""

    combine: Annotated[str, ChoiceOf(phrases(COMBINATIONS))] = "both"
    """How the rule paper combines tau and the top fraction."""

    gamma: Annotated[float, Field(ge=-1, le=1)] = 1.0
    """Exponent of the density for the rule power; negative values favour sparse regions, 0 selects at random."""

    mass: Fraction = 0.9
    """Share of real latents that the rules conformal, highest-density and typical let pass."""

    sharpest_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the selected images that a second filter keeps, the sharpest (the draft's LDS + SS); 1 keeps all."""

    stratify: Annotated[str, ChoiceOf(phrases(STRATIFICATIONS))] = "none"
    """What the selection keeps the training shares of."""

    clusters: Annotated[int, Field(ge=2, le=MOST)] = 10
    """Number of clusters for stratify=cluster."""

    max_per_parent: CountOrAll = 0
    """How many images of A may share a training image as a parent; 0 sets no limit."""

    augment_seed: Seed = 0
    """Seed of everything that is drawn at random to make A."""

    @field_validator("interpolation")
    @classmethod
    def _is_linear_if_exhaustive(cls, value: str, info: ValidationInfo) -> str:
        if value != LINEAR and info.data.get("candidates") == EXHAUSTIVE:
            raise ValueError(f"should be {LINEAR} where candidates is {EXHAUSTIVE}")
        return value
