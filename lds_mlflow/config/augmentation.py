"""Configurations of the way to A: `encode` and `augment`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.config.base import Bandwidth, CountOrAll, Fraction, Positive, RunReference, Seed, StepConfig

__all__ = ["AugmentConfig", "EncodeConfig"]


class EncodeConfig(StepConfig):
    """Encode the training part with a model."""

    train_run: RunReference = "auto"
    """Run of train, or of finetune for its model, or auto: train's."""


class AugmentConfig(StepConfig):
    """Interpolate latents into candidates, score them by latent density, select, and decode the augmentation set A."""

    encode_run: RunReference = "auto"
    """Run of the step encode, or auto."""

    source: Literal["interpolants", "prior", "reconstructions", "noise", "transforms", "mixup", "cutmix", "real"] = (
        "interpolants"
    )
    """What A is of: interpolants, selected by all that follows, or a control (docs/method.md lists them)."""

    augmentation_ratio: Annotated[float, Field(gt=0, le=10)] = 0.5
    """Size of A at most, as a share of the training part; the draft's is 10,000 / 20,000."""

    candidates: Literal["sampled", "exhaustive"] = "sampled"
    """sampled: interpolants drawn at random. exhaustive: the densest of all linear interpolants there are."""

    interpolation: Literal["linear", "slerp", "variance-preserving"] = "linear"
    """How a candidate lies between its parents; the draft's is linear, which shrinks norms."""

    parent_neighbours: CountOrAll = 0
    """Draw the second parent among this many nearest to the first; 0 draws it among all, as the draft does."""

    every_alpha: bool = False
    """Whether a pair gives all nine alphas, which is cheaper to score, or a random one."""

    scorer: Literal["exact", "neighbours", "subsample"] = "exact"
    """exact, or an approximation with a certificate: the 256 nearest latents (needs faiss), or a tenth of them."""

    latent_space: Literal["raw", "centred", "whitened"] = "raw"
    """Space in which density is measured; the draft's is raw."""

    drop_inactive: bool = False
    """Whether dimensions with less than 0.01 of the largest variance are left out of distances."""

    sigma: Bandwidth = "norm/5"
    """Bandwidth: norm/5 (the draft's: a fifth of the mean norm), scott, silverman, median, knn, loo, or a number."""

    sigma_multiplier: Positive = 1.0
    """What the bandwidth is multiplied by."""

    leave_endpoints_out: bool = False
    """Whether a candidate's own two parents are left out of its score."""

    selection: Literal[
        "top", "paper", "threshold", "random", "power", "conformal", "highest-density", "typical", "otsu", "knee"
    ] = "top"
    """top: the densest fraction; paper: that and tau; random: a control; docs/method.md has all the rules."""

    top_fraction: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the candidates that top, paper, random and power keep; as many candidates are drawn as that needs."""

    tau: Positive = 0.28
    """Threshold on LDS for paper and threshold; the draft's is 0.28, which few latents can reach."""

    combine: Literal["both", "of-passing", "either", "fallback"] = "both"
    """How paper combines them: both hold, the top of-passing tau, either holds, or the top as fallback."""

    gamma: Annotated[float, Field(ge=-1, le=1)] = 1.0
    """Exponent for power; negative favours sparse regions, 0 is random."""

    mass: Fraction = 0.9
    """Share of real latents that conformal, highest-density and typical let pass."""

    sharpest_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the selected that a second filter keeps, the sharpest (the draft's LDS + SS); 1 is without it."""

    stratify: Literal["none", "class", "cluster"] = "none"
    """Keep the training shares of classes, or of clusters of the latents (k-means)."""

    clusters: Annotated[int, Field(ge=2)] = 10
    """Clusters for stratify=cluster."""

    max_per_parent: CountOrAll = 0
    """How often a training image may be a parent in A; 0 is any number."""

    augment_seed: Seed = 0
    """Seed of the candidates, and of selections that draw."""

    @field_validator("interpolation")
    @classmethod
    def _is_linear_if_exhaustive(cls, value: str, info: ValidationInfo) -> str:
        if value != "linear" and info.data.get("candidates") == "exhaustive":
            raise ValueError("should be linear where candidates is exhaustive")
        return value
