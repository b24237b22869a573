"""A of interpolants: candidates, scores, selection, images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.config import AugmentConfig
from lds_mlflow.latent import select
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics import sharpness
from lds_mlflow.models.coding import decode_latents, encode_examples
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.rules import rule_of, strata_as_configured
from lds_mlflow.recipes.scoring import Scored, score_as_configured, wanted_of
from lds_mlflow.values import AugmentationSet, Candidates, ExampleSet, LatentSet, Selection

__all__ = ["Selected", "select_interpolants"]

_DECODED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Selected:
    """A of interpolants, and how it came about.

    Attributes:
        scored: The scored candidates.
        chosen: Which of them are A, and by what rule.
        candidates: Those.
        augmentation: A.
    """

    scored: Scored
    chosen: Selection
    candidates: Candidates
    augmentation: AugmentationSet


def select_interpolants(
    config: AugmentConfig,
    latents: LatentSet,
    model: VAE,
    train: ExampleSet,
    held_out: Callable[[], ExampleSet],
    *,
    ranks: Ranks = ALONE,
) -> Selected:
    """Makes candidates, scores, selects and decodes (draft, section 3).

    Args:
        config: The configuration: source is interpolants.
        latents: The training latents.
        model: The model that encoded them.
        train: The training images.
        held_out: Gives the part select, for a rule that needs it.
        ranks: The processes that share the work.

    Raises:
        SelectionError: No candidate is selected.
        DataError: The configuration asks for more than the data has.
    """
    generator = torch.Generator().manual_seed(config.augment_seed)
    scored = score_as_configured(config, latents.z_ND.to(model.device), generator, ranks=ranks)

    def z_of_held_out() -> Tensor:
        return encode_examples(model, held_out().examples_N, ranks=ranks)[0].to(model.device)

    sharpness_M = None
    if config.sharpest_fraction < 1:
        # All candidates, decoded, may not fit in memory.
        some_MD = scored.candidates.z_MD.split(_DECODED_AT_ONCE)
        sharpness_M = torch.cat([sharpness(decode_latents(model, z_BD, ranks=ranks)) for z_BD in some_MD])
    chosen = select(
        scored.scores.log_lds_M,
        rule_of(config, scored, z_of_held_out),
        generator=generator,
        candidates=scored.candidates,
        at_most=wanted_of(config, len(scored.z_ND)),
        max_per_parent=config.max_per_parent,
        strata=strata_as_configured(config, scored, train),
        sharpness_M=sharpness_M,
        sharpest=config.sharpest_fraction,
    )
    kept = scored.candidates.take(chosen.index_A)
    augmentation = AugmentationSet(decode_latents(model, kept.z_MD, ranks=ranks), kept.z_MD.cpu())
    return Selected(scored, chosen, kept, augmentation)
