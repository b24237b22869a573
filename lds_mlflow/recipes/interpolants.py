"""A of interpolants: candidates, scores, a selection, and its decoded examples."""

import torch
from torch import Tensor

from lds_mlflow.config import AugmentConfig
from lds_mlflow.latent import Limits, SharpnessFilter, select
from lds_mlflow.metrics import sharpness
from lds_mlflow.models.coding import decode_latents, encode_examples
from lds_mlflow.recipes.augmentation import Augmentation, Ingredients, SelectedInterpolants
from lds_mlflow.recipes.rules import rule_as_configured
from lds_mlflow.recipes.scoring import ScoredCandidates, score_as_configured, wanted_of
from lds_mlflow.recipes.strata import strata_as_configured
from lds_mlflow.values import AugmentationSet

__all__ = ["interpolants"]

_DECODED_AT_ONCE = 1024


def interpolants(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Makes candidates, scores, selects and decodes them (draft, section 3). See `make_augmentation`."""
    model, ranks = ingredients.model, ingredients.ranks
    generator = torch.Generator().manual_seed(config.augment_seed)
    scored = score_as_configured(config, ingredients.latents.z_ND.to(model.device), generator, ranks=ranks)

    def z_of_held_out() -> Tensor:
        return encode_examples(model, ingredients.held_out().examples_N, ranks=ranks)[0].to(model.device)

    selection = select(
        scored.scores.log_lds_M,
        rule_as_configured(config, scored, z_of_held_out),
        generator=generator,
        candidates=scored.candidates,
        limits=Limits(
            at_most=wanted_of(config, len(scored.z_ND)),
            max_per_parent=config.max_per_parent,
            strata=strata_as_configured(config, scored, ingredients.train),
        ),
        sharpest=_sharpness_filter(config, scored, ingredients),
    )
    kept = scored.candidates.take(selection.index_A)
    examples = AugmentationSet(decode_latents(model, kept.z_MD, ranks=ranks), kept.z_MD.cpu())
    return Augmentation(examples, SelectedInterpolants(scored, selection, kept))


def _sharpness_filter(
    config: AugmentConfig, scored: ScoredCandidates, ingredients: Ingredients
) -> SharpnessFilter | None:
    if config.sharpest_fraction == 1:
        return None
    # All candidates, decoded, may not fit in memory.
    some_MD = scored.candidates.z_MD.split(_DECODED_AT_ONCE)
    decoded = (decode_latents(ingredients.model, z_BD, ranks=ingredients.ranks) for z_BD in some_MD)
    return SharpnessFilter(torch.cat([sharpness(examples) for examples in decoded]), config.sharpest_fraction)
