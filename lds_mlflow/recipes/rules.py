"""The rule that selects, and the strata that it keeps, as configured."""

from collections.abc import Callable
from functools import partial

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from lds_mlflow.config import AugmentConfig
from lds_mlflow.errors import DataError
from lds_mlflow.latent import (
    Conformal,
    HighestDensity,
    Knee,
    Otsu,
    Paper,
    PowerLaw,
    Random,
    Rule,
    Strata,
    Threshold,
    TopFraction,
    Typical,
    leave_one_out_log_density,
    log_density,
    strata_of,
)
from lds_mlflow.recipes.scoring import Scored
from lds_mlflow.values import ExampleSet

__all__ = ["RULES", "HeldOut", "rule_of", "strata_as_configured"]

HeldOut = Callable[[], Tensor]


def _conformal(config: AugmentConfig, scored: Scored, held_out: HeldOut) -> Rule:
    z_HD = scored.space.map(held_out())
    return Conformal(config.mass, log_density(z_HD, scored.z_ND, sigma=scored.bandwidth.sigma))


def _by_training(
    kind: type[HighestDensity] | type[Typical], config: AugmentConfig, scored: Scored, _held_out: HeldOut
) -> Rule:
    return kind(config.mass, leave_one_out_log_density(scored.z_ND, sigma=scored.bandwidth.sigma))


RULES: dict[str, Callable[[AugmentConfig, Scored, HeldOut], Rule]] = {
    "top": lambda config, _scored, _held_out: TopFraction(config.top_fraction),
    "paper": lambda config, _scored, _held_out: Paper(config.tau, config.top_fraction, config.combine),
    "threshold": lambda config, _scored, _held_out: Threshold(config.tau),
    "random": lambda config, _scored, _held_out: Random(config.top_fraction),
    "power": lambda config, _scored, _held_out: PowerLaw(config.gamma, config.top_fraction),
    "conformal": _conformal,
    "highest-density": partial(_by_training, HighestDensity),
    "typical": partial(_by_training, Typical),
    "otsu": lambda _config, _scored, _held_out: Otsu(),
    "knee": lambda _config, _scored, _held_out: Knee(),
}
"""The rules by the names that the configuration has for them."""


def rule_of(config: AugmentConfig, scored: Scored, held_out: HeldOut) -> Rule:
    """Returns the rule that is configured.

    Args:
        config: The configuration.
        scored: The scored candidates.
        held_out: Gives real latents that are not among the training latents, float [H, D], where the rule needs them.
    """
    return RULES[config.selection](config, scored, held_out)


def strata_as_configured(config: AugmentConfig, scored: Scored, train: ExampleSet) -> Strata | None:
    """Returns the strata of the candidates, or None without stratification.

    Raises:
        DataError: The training images have no classes to stratify by, or are fewer than the clusters.
    """
    if config.stratify == "none":
        return None
    if config.stratify == "class":
        if train.labels_N is None:
            raise DataError(
                "the training images",
                found="no classes",
                expected="classes, for stratify=class",
                remedy="Give stratify=cluster, or bring labels.",
            )
        return strata_of(scored.candidates, train.labels_N)
    if config.clusters > len(scored.z_ND):
        raise DataError(
            "the training latents",
            found=f"{len(scored.z_ND)}",
            expected=f"at least as many as clusters={config.clusters}",
            remedy="Ask for fewer clusters.",
        )
    k_means = KMeans(config.clusters, n_init=4, random_state=config.augment_seed)
    return strata_of(scored.candidates, torch.from_numpy(k_means.fit_predict(scored.z_ND.cpu().numpy())).long())
