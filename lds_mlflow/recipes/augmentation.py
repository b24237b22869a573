"""The augmentation set A, by the source that is configured."""

from collections.abc import Callable
from dataclasses import dataclass

from lds_mlflow.choices import load
from lds_mlflow.choices.sources import SOURCES
from lds_mlflow.config import AugmentConfig
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models import Codec
from lds_mlflow.recipes.scoring import ScoredCandidates
from lds_mlflow.values import AugmentationSet, Candidates, ExampleSet, LatentSet, Selection

__all__ = ["Augmentation", "Ingredients", "SelectedInterpolants", "make_augmentation"]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What A can be made of.

    Attributes:
        latents: The training latents.
        codec: The model that encoded them.
        train: The training examples.
        held_out: Loads the part select, for a rule that needs it.
        reserve: Loads the real examples that were kept aside, or returns None where there are none.
        ranks: The processes that share the work.
    """

    latents: LatentSet
    codec: Codec
    train: ExampleSet
    held_out: Callable[[], ExampleSet]
    reserve: Callable[[], ExampleSet | None]
    ranks: Ranks = ALONE


@dataclass(frozen=True, slots=True)
class SelectedInterpolants:
    """How an A of interpolants was made.

    Attributes:
        scored: The scored candidates.
        selection: Which candidates are A, and by what rule.
        candidates: The selected candidates.
    """

    scored: ScoredCandidates
    selection: Selection
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Augmentation:
    """An augmentation set, and how it was made.

    Attributes:
        examples: A.
        selected: How it was selected; None where nothing was.
    """

    examples: AugmentationSet
    selected: SelectedInterpolants | None = None


def make_augmentation(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns A by the source that is configured.

    Raises:
        SelectionError: No candidate is selected.
        DataError: The configuration asks for more than the data has.
    """
    made: Augmentation = load(SOURCES[config.source].at)(config, ingredients)
    return made
