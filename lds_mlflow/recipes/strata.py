"""The strata whose training shares a selection keeps, as configured."""

import torch
from sklearn.cluster import KMeans

from lds_mlflow.choices import load
from lds_mlflow.choices.stratifications import STRATIFICATIONS
from lds_mlflow.config import AugmentConfig
from lds_mlflow.errors import DataError
from lds_mlflow.latent import Strata, strata_of
from lds_mlflow.recipes.scoring import ScoredCandidates
from lds_mlflow.values import ExampleSet

__all__ = ["by_class", "by_cluster", "strata_as_configured", "without_strata"]


def strata_as_configured(config: AugmentConfig, scored: ScoredCandidates, train: ExampleSet) -> Strata | None:
    """Returns the strata of the candidates, or None without stratification.

    Args:
        config: The configuration.
        scored: The scored candidates.
        train: The training examples.

    Raises:
        DataError: The training examples have no classes to stratify by, or are fewer than the clusters.
    """
    strata: Strata | None = load(STRATIFICATIONS[config.stratify].at)(config, scored, train)
    return strata


def without_strata(_config: AugmentConfig, _scored: ScoredCandidates, _train: ExampleSet) -> None:
    """Returns None. See `strata_as_configured`."""


def by_class(_config: AugmentConfig, scored: ScoredCandidates, train: ExampleSet) -> Strata:
    """Returns strata that are the classes of the training examples. See `strata_as_configured`."""
    if train.labels_N is None:
        raise DataError(
            "the training examples",
            found="no classes",
            expected="classes, for stratify=class",
            remedy="Give stratify=cluster, or bring labels.",
        )
    return strata_of(scored.candidates, train.labels_N)


def by_cluster(config: AugmentConfig, scored: ScoredCandidates, _train: ExampleSet) -> Strata:
    """Returns strata that are clusters of the training latents, by k-means. See `strata_as_configured`."""
    if config.clusters > len(scored.z_ND):
        raise DataError(
            "the training latents",
            found=f"{len(scored.z_ND)}",
            expected=f"at least as many as clusters={config.clusters}",
            remedy="Ask for fewer clusters.",
        )
    k_means = KMeans(config.clusters, n_init=4, random_state=config.augment_seed)
    return strata_of(scored.candidates, torch.from_numpy(k_means.fit_predict(scored.z_ND.cpu().numpy())).long())
