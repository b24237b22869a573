"""Configurations of the steps that make the augmentation set A: `encode` and `augment`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.config.base import Bandwidth, CountOrAll, Fraction, Positive, RunReference, Seed, StepConfig

__all__ = ["AugmentConfig", "EncodeConfig"]


class EncodeConfig(StepConfig):
    """Encode the training images into latents with a model."""

    train_run: RunReference = "auto"
    """Run of train or finetune whose model is used; auto takes that of train."""


class AugmentConfig(StepConfig):
    """Interpolate latents into candidates, score them by latent density, and decode those selected into the set A."""

    encode_run: RunReference = "auto"
    """Run of the step encode; auto finds or makes one."""

    source: Literal["interpolants", "prior", "reconstructions", "noise", "transforms", "mixup", "cutmix", "real"] = (
        "interpolants"
    )
    """What A consists of: selected interpolants, or a control without selection (docs/method.md lists them)."""

    augmentation_ratio: Annotated[float, Field(gt=0, le=10)] = 0.5
    """Largest size of A, as a share of the training part; the draft's is 10,000 / 20,000 = 0.5."""

    candidates: Literal["sampled", "exhaustive"] = "sampled"
    """Which interpolants are candidates: sampled draws them at random, exhaustive takes the densest linear ones."""

    interpolation: Literal["linear", "slerp", "variance-preserving"] = "linear"
    """How candidates lie between their two parents; the draft's is linear, which shrinks the norms of latents."""

    parent_neighbours: CountOrAll = 0
    """Draw the second parent from this many nearest neighbours of the first; 0 draws from all, as the draft does."""

    every_alpha: bool = False
    """Whether each pair gives candidates at all nine alphas, which is cheaper to score, or at one random alpha."""

    scorer: Literal["exact", "neighbours", "subsample"] = "exact"
    """How scores are computed: exact, or approximately from the 256 nearest latents (needs faiss) or a tenth of all."""

    latent_space: Literal["raw", "centred", "whitened"] = "raw"
    """Space in which density is measured: raw (the latents themselves, as in the draft), centred or whitened."""

    drop_inactive: bool = False
    """Whether distances leave out the dimensions with less than 0.01 of the largest variance."""

    sigma: Bandwidth = "norm/5"
    """Bandwidth: norm/5 (the draft's, a fifth of the mean norm), scott, silverman, median, knn, loo, or a number."""

    sigma_multiplier: Positive = 1.0
    """Factor by which the bandwidth is multiplied."""

    leave_endpoints_out: bool = False
    """Whether a candidate's score leaves out its own two parents; the draft counts them."""

    selection: Literal[
        "top", "paper", "threshold", "random", "power", "conformal", "highest-density", "typical", "otsu", "knee"
    ] = "top"
    """Selection rule: top (the densest fraction), paper (top and tau), random (a control); see docs/method.md."""

    top_fraction: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the candidates that top, paper, random and power keep; a smaller one draws more candidates."""

    tau: Positive = 0.28
    """Threshold on the density score for paper and threshold; the draft's is 0.28, which few latents can reach."""

    combine: Literal["both", "of-passing", "either", "fallback"] = "both"
    """How the rule paper combines tau with the top fraction; docs/method.md explains the four ways."""

    gamma: Annotated[float, Field(ge=-1, le=1)] = 1.0
    """Exponent of the density for the rule power; negative values favour sparse regions, 0 selects at random."""

    mass: Fraction = 0.9
    """Share of real latents that the rules conformal, highest-density and typical let pass."""

    sharpest_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the selected images that a second filter keeps, the sharpest (the draft's LDS + SS); 1 keeps all."""

    stratify: Literal["none", "class", "cluster"] = "none"
    """Groups whose shares in the training part A keeps: classes, clusters of the latents (k-means), or none."""

    clusters: Annotated[int, Field(ge=2)] = 10
    """Number of clusters for stratify=cluster."""

    max_per_parent: CountOrAll = 0
    """How many images of A may share a training image as a parent; 0 sets no limit."""

    augment_seed: Seed = 0
    """Seed of everything that is drawn at random to make A."""

    @field_validator("interpolation")
    @classmethod
    def _is_linear_if_exhaustive(cls, value: str, info: ValidationInfo) -> str:
        if value != "linear" and info.data.get("candidates") == "exhaustive":
            raise ValueError("should be linear where candidates is exhaustive")
        return value
