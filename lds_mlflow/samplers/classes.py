"""Distributions of latents by class: of one class alone, or of all classes with shares as asked for.

A distribution that has classes has the tensor `labels` [N], int64, of the training latents that it is made of, and the
names of the classes.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lds_mlflow.choices import load
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.errors import ConfigError, DataError, quoted
from lds_mlflow.samplers.weights import running_sum
from lds_mlflow.values import LEAST_OF_A_CLASS, LatentDistribution, class_sizes

__all__ = [
    "of_class",
    "require_classes",
    "require_sampler_of_classes",
    "require_sampler_of_shares",
    "with_class_shares",
    "with_classes",
]


def require_sampler_of_classes(sampler: str, what: str) -> None:
    """Raises ConfigError where a sampler isn't made of single training latents, and so can't draw one class.

    Args:
        sampler: A name of SAMPLERS.
        what: What asks for the class.
    """
    _require_one_of(sampler, [name for name, choice in SAMPLERS.items() if choice.of_rows], what)


def require_sampler_of_shares(sampler: str, what: str) -> None:
    """Raises ConfigError where the training latents of a sampler have no weights, and so no class shares.

    Args:
        sampler: A name of SAMPLERS.
        what: What asks for the shares.
    """
    _require_one_of(sampler, [name for name, choice in SAMPLERS.items() if choice.has_weights], what)


def _require_one_of(sampler: str, able: list[str], what: str) -> None:
    if sampler not in able:
        raise ConfigError(
            what,
            found=f"the sampler {sampler}, which can't draw classes in this way",
            expected=f"the sampler {' or '.join(able)}",
            remedy="Give another sampler, or ask for all classes as they are in the data.",
        )


def require_classes(names: Collection[str], sizes: Mapping[str, int], what: str) -> None:
    """Raises an error where classes that are to be drawn on their own can't be.

    Args:
        names: The classes.
        sizes: How many training examples each class has, by its name.
        what: What asks for them.

    Raises:
        DataError: There are no classes at all, or one of these has fewer than five training examples.
        ConfigError: One of them isn't there.
    """
    if not sizes:
        raise DataError(
            what,
            found="training examples without classes",
            expected="examples with classes, of which one is named",
            remedy="Ask for no classes, or give the data classes (docs/layouts.md).",
        )
    unknown = [name for name in names if name not in sizes]
    if unknown:
        raise ConfigError(
            what,
            found=f"no class {quoted(unknown)}",
            expected=f"the name of a class as in the data: {quoted(sizes)}",
            remedy="Give one of these names.",
        )
    small = [f"{sizes[name]} of {name}" for name in names if sizes[name] < LEAST_OF_A_CLASS]
    if small:
        raise DataError(
            what,
            found=f"too few training examples: {quoted(small)}",
            expected=f"at least {LEAST_OF_A_CLASS} of each class that is drawn on its own, or samples would be copies",
            remedy="Bring more examples of the class, or leave it out.",
        )


def with_classes(
    distribution: LatentDistribution, labels_N: Tensor | None, class_names_K: tuple[str, ...]
) -> LatentDistribution:
    """Returns a distribution with the classes of its training latents, or as it is where it can't have any.

    Args:
        distribution: A distribution that was fitted to training latents.
        labels_N: The class of each of them, or None.
        class_names_K: The names of the classes.
    """
    if labels_N is None or not SAMPLERS[distribution.sampler].of_rows:
        return distribution
    tensors = {**distribution.tensors, "labels": labels_N}
    return replace(distribution, tensors=tensors, class_names_K=class_names_K)


def of_class(distribution: LatentDistribution, name: str, what: str) -> LatentDistribution:
    """Returns the distribution of the latents of one class, around training latents of that class alone.

    The bandwidth is that of the whole distribution.

    Args:
        distribution: A distribution by `with_classes`.
        name: The class.
        what: What asks for it, for an error.

    Raises:
        LdsError: See `require_sampler_of_classes` and `require_classes`.
    """
    require_sampler_of_classes(distribution.sampler, what)
    labels_N = distribution.tensors.get("labels")
    require_classes([name], class_sizes(labels_N, distribution.class_names_K), what)
    assert labels_N is not None
    rows = torch.nonzero(labels_N == distribution.class_names_K.index(name))[:, 0]
    found: LatentDistribution = load(SAMPLERS[distribution.sampler].of_rows)(distribution, rows)
    tensors = {key: tensor for key, tensor in found.tensors.items() if key != "labels"}
    return replace(found, name=f"{distribution.name}, class {name}", tensors=tensors, class_names_K=())


def with_class_shares(distribution: LatentDistribution, shares: Mapping[str, float], what: str) -> LatentDistribution:
    """Returns a distribution whose classes have other shares; within a class, all training latents count the same.

    Args:
        distribution: A distribution by `with_classes`.
        shares: The shares of classes by name, which sum to 1; classes that are not named are not drawn. None named
            gives all classes the same share.
        what: What asks for them, for an error.

    Raises:
        LdsError: See `require_sampler_of_shares` and `require_classes`.
    """
    require_sampler_of_shares(distribution.sampler, what)
    labels_N, names = distribution.tensors.get("labels"), distribution.class_names_K
    sizes = class_sizes(labels_N, names)
    wanted = shares or dict.fromkeys(sizes, 1 / max(len(sizes), 1))
    require_classes([name for name, share in wanted.items() if share], sizes, what)
    assert labels_N is not None
    each = [wanted.get(name, 0.0) / max(sizes[name], 1) for name in names]
    weights_N = torch.tensor(each, dtype=torch.float64)[labels_N]
    tensors = {**distribution.tensors, "cumulative": running_sum(weights_N / weights_N.sum())}
    return replace(distribution, tensors=tensors, name=f"{distribution.name}, {what}")
