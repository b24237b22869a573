from typing import Any

import torch

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.recipes import ScoredCandidates, score_as_configured
from lds_mlflow.values import ExampleSet
from tests.unit.latent.conftest import gaussian


def examples(n: int, labels: torch.Tensor | None = None) -> ExampleSet:
    """Black images, of the classes a and b where they have labels."""
    pixels = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    return ExampleSet("tests", pixels, tuple(map(str, range(n))), labels, () if labels is None else ("a", "b"))


def scored(n: int = 80, d: int = 6, **settings: Any) -> tuple[AugmentConfig, ScoredCandidates]:
    """Candidates of Gaussian latents, scored as configured."""
    config = parse(AugmentConfig, settings)
    return config, score_as_configured(config, gaussian(n, d), torch.Generator().manual_seed(config.augment_seed))
