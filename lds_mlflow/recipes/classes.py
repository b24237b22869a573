"""Samples of the classes that are asked for: of one class alone, or with shares of their own."""

from lds_mlflow.config import EvaluateConfig, SampleConfig
from lds_mlflow.config.balance import AS_IN_DATA, shares_of
from lds_mlflow.recipes.division import Division
from lds_mlflow.samplers.classes import (
    of_class,
    require_classes,
    require_sampler_of_classes,
    require_sampler_of_shares,
    with_class_shares,
    with_classes,
)
from lds_mlflow.values import ExampleSet, LatentDistribution

__all__ = ["of_classes_as_configured", "require_classes_as_configured"]


def require_classes_as_configured(config: EvaluateConfig | SampleConfig, division: Division) -> None:
    """Raises LdsError where the classes that are asked for can't be drawn from, by the division of the data."""
    what, label = _what(config), _label(config)
    if not what:
        return
    require_sampler = require_sampler_of_classes if label else require_sampler_of_shares
    require_sampler(config.sampler, what)
    sizes = division.class_sizes()
    shares = shares_of(config.balance)
    wanted = [label] if label else [name for name, share in shares.items() if share] or list(sizes)
    require_classes(wanted, sizes, what)


def of_classes_as_configured(
    config: EvaluateConfig | SampleConfig, distribution: LatentDistribution, train: ExampleSet
) -> LatentDistribution:
    """Returns a distribution of latents of the classes that are asked for, or as it is where none are.

    Args:
        config: The class or the shares of classes.
        distribution: What latents of all classes are drawn from.
        train: The training examples.

    Raises:
        LdsError: See `of_class` and `with_class_shares`.
    """
    what, label = _what(config), _label(config)
    if not what:
        return distribution
    classed = with_classes(distribution, train.labels_N, train.class_names_K)
    return of_class(classed, label, what) if label else with_class_shares(classed, shares_of(config.balance), what)


def _label(config: EvaluateConfig | SampleConfig) -> str:
    return config.sample_label if isinstance(config, SampleConfig) else ""


def _what(config: EvaluateConfig | SampleConfig) -> str:
    """Returns the parameter that asks for classes, with its value, or "" where none does."""
    if label := _label(config):
        return f"sample_label={label}"
    return "" if config.balance == AS_IN_DATA else f"balance={config.balance}"
