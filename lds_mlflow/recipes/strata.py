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

__all__ = ["by_class", "by_cluster", "require_strata", "strata_as_configured", "without_strata"]


def require_strata(kind: str, *, clusters: int, n: int, has_classes: bool) -> None:
    """Checks that training examples have the strata that are asked for.

    Args:
        kind: A key of STRATIFICATIONS.
        clusters: Number of clusters.
        n: Number of training examples.
        has_classes: Whether they have classes.

    Raises:
        DataError: They have no classes to stratify by, or are fewer than the clusters.
    """
    if kind == "class" and not has_classes:
        raise DataError(
            "the training examples",
            found="no classes",
            expected="classes, for stratify=class",
            remedy="Give stratify=cluster, or bring labels.",
        )
    if kind == "cluster" and clusters > n:
        raise DataError(
            "the training latents",
            found=f"{n}",
            expected=f"at least as many as clusters={clusters}",
            remedy="Ask for fewer clusters.",
        )


def strata_as_configured(config: AugmentConfig, scored: ScoredCandidates, train: ExampleSet) -> Strata | None:
    """Returns the strata of the candidates, or None without stratification.

    Args:
        config: The configuration.
        scored: The scored candidates.
        train: The training examples.

    Raises:
        DataError: See `require_strata`.
    """
    require_strata(config.stratify, clusters=config.clusters, n=len(train), has_classes=train.labels_N is not None)
    strata: Strata | None = load(STRATIFICATIONS[config.stratify].at)(config, scored, train)
    return strata


def without_strata(_config: AugmentConfig, _scored: ScoredCandidates, _train: ExampleSet) -> None:
    """Returns None. See `strata_as_configured`."""


def by_class(_config: AugmentConfig, scored: ScoredCandidates, train: ExampleSet) -> Strata:
    """Returns strata that are the classes of the training examples. See `strata_as_configured`."""
    assert train.labels_N is not None
    return strata_of(scored.candidates, train.labels_N)


def by_cluster(config: AugmentConfig, scored: ScoredCandidates, _train: ExampleSet) -> Strata:
    """Returns strata that are clusters of the training latents, by k-means. See `strata_as_configured`."""
    k_means = KMeans(config.clusters, n_init=4, random_state=config.augment_seed)
    return strata_of(scored.candidates, torch.from_numpy(k_means.fit_predict(scored.z_ND.cpu().numpy())).long())
