"""A of interpolants: candidates, scores, a selection, and its decoded examples."""

import torch
from torch import Tensor

from lds_mlflow.config import AugmentConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.errors import DataError
from lds_mlflow.latent import SelectionLimits, SharpnessFilter, select
from lds_mlflow.recipes.augmentation import Augmentation, Ingredients, SelectedInterpolants
from lds_mlflow.recipes.rules import rule_as_configured
from lds_mlflow.recipes.scoring import ScoredCandidates, score_as_configured, wanted_of
from lds_mlflow.recipes.strata import strata_as_configured
from lds_mlflow.values import AugmentationSet

__all__ = ["interpolants"]

_DECODED_AT_ONCE = 1024
_SHARPNESS = "sharpness"
"""The quality score of the draft's second filter (section 4.2)."""


def interpolants(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Makes candidates, scores, selects and decodes them (draft, section 3). See `make_augmentation`."""
    codec, ranks = ingredients.codec, ingredients.ranks
    generator = torch.Generator().manual_seed(config.augment_seed)
    scored = score_as_configured(config, ingredients.latents.z_ND.to(codec.device), generator, ranks=ranks)

    def z_of_held_out() -> Tensor:
        return codec.encode(ingredients.held_out().examples_N, ranks=ranks).mean.to(codec.device)

    selection = select(
        scored.scores.log_lds_M,
        rule_as_configured(config, scored, z_of_held_out),
        generator=generator,
        candidates=scored.candidates,
        limits=SelectionLimits(
            at_most=wanted_of(config, len(scored.z_ND)),
            max_per_parent=config.max_per_parent,
            strata=strata_as_configured(config, scored, ingredients.train),
        ),
        sharpest=_sharpness_filter(config, scored, ingredients),
    )
    kept = scored.candidates.take(selection.index_A)
    examples = AugmentationSet(codec.decode(kept.z_MD, ranks=ranks), kept.z_MD.cpu())
    return Augmentation(examples, SelectedInterpolants(scored, selection, kept))


def _sharpness_filter(
    config: AugmentConfig, scored: ScoredCandidates, ingredients: Ingredients
) -> SharpnessFilter | None:
    if config.sharpest_fraction == 1:
        return None
    domain = domain_of(ingredients.train.domain)
    if _SHARPNESS not in domain.qualities:
        raise DataError(
            f"sharpest_fraction={config.sharpest_fraction}",
            found=f"examples that are {domain.name}, which have no sharpness",
            expected="images, or sharpest_fraction=1",
            remedy="Give sharpest_fraction=1.",
        )
    sharpness = domain.qualities[_SHARPNESS].measure
    # All candidates, decoded, may not fit in memory.
    some_MD = scored.candidates.z_MD.split(_DECODED_AT_ONCE)
    decoded = (ingredients.codec.decode(z_BD, ranks=ingredients.ranks) for z_BD in some_MD)
    return SharpnessFilter(torch.cat([sharpness(examples) for examples in decoded]), config.sharpest_fraction)
