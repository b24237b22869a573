"""The values that flow between the rooms: frozen, and named with their shapes.

Shape legend:
    N  examples of a set            M  candidates               A  kept candidates (the augmentation set)
    D  latent dimensions            S  samples of a model       F  features of an extractor
    C  colour channels              H, W  height and width      K  classes
    2  the two parents of a candidate

Examples are kept as their domain stores them: images are uint8 [N, C, H, W] in 0..255. What a model sees of them is the
business of `models/scales.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from lds_mlflow.choices.figures import LEAST_NEAREST_RATIO, MOST_TAIL_SHARE
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.machine.rows import rows_of

__all__ = [
    "IMAGES",
    "LEAST_OF_A_CLASS",
    "AugmentationSet",
    "Candidates",
    "Evaluation",
    "ExampleSet",
    "LatentDistribution",
    "LatentSet",
    "ModelWeights",
    "Scores",
    "Selection",
    "Splits",
    "class_sizes",
    "content_of",
    "evenly_spread",
]

LEAST_OF_A_CLASS = 5
"""The fewest training examples of a class that is drawn on its own: samples of fewer would be little but copies."""

IMAGES = "images"
"""The kind of examples that images are."""


def class_sizes(labels_N: Tensor | None, class_names_K: Collection[str]) -> dict[str, int]:
    """Returns how many examples each class has, by its name; none without labels."""
    if labels_N is None:
        return {}
    counts: list[int] = labels_N.bincount(minlength=len(class_names_K)).tolist()
    return dict(zip(class_names_K, counts, strict=True))


def evenly_spread(n: int, shown: int) -> Tensor:
    """Returns at most `shown` of the rows 0..n-1, evenly spread, int64: what is sorted by class is shown whole."""
    return torch.linspace(0, n - 1, min(shown, n)).round().long()


def content_of(tensor: Tensor) -> tuple[bytes, memoryview]:
    """Returns what a digest is of: type and shape of a tensor, and its numbers, not copied if it is contiguous."""
    numbers: Any = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return f"{tensor.dtype} {tuple(tensor.shape)}".encode(), memoryview(numbers)


class _Value:
    # The store reads and checks values with pydantic, which the values themselves do without.
    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"arbitrary_types_allowed": True}


@dataclass(frozen=True, slots=True)
class ExampleSet(_Value):
    """Examples, such as images, with the names by which they are known.

    Attributes:
        name: Where they come from, for people.
        examples_N: The examples as their domain stores them, [N, ...]; images are uint8 [N, C, H, W].
        ids_N: One unique name for every example.
        labels_N: Class of every example, int64 [N] in 0..K-1, or None.
        class_names_K: Name of every class; empty without labels.
        declared_parts_N: The part that the source itself assigns an example to ("train", "select", "test", "reserve"
            or ""); empty where it assigns none.
        domain: The kind of examples, a key of DOMAINS.
    """

    name: str
    examples_N: Tensor
    ids_N: tuple[str, ...]
    labels_N: Tensor | None = None
    class_names_K: tuple[str, ...] = ()
    declared_parts_N: tuple[str, ...] = ()
    domain: str = IMAGES

    def __len__(self) -> int:
        return len(self.ids_N)

    @property
    def images_NCHW(self) -> Tensor:
        """The examples of a set of images, uint8 [N, C, H, W]."""
        return self.examples_N

    @property
    def digest(self) -> str:
        """SHA-256 of examples, names and labels."""
        labels = () if self.labels_N is None else content_of(self.labels_N)
        return digest_of_bytes(*content_of(self.examples_N), "\n".join(self.ids_N).encode(), *labels)

    def spread(self, n: int) -> Self:
        """Returns at most `n` examples, evenly spread over the set."""
        return self.take(evenly_spread(len(self), n))

    def take(self, index: Tensor) -> Self:
        """Returns the examples at `index`, int64 [n], in that order."""
        rows = index.tolist()
        return replace(
            self,
            examples_N=rows_of(self.examples_N, index),
            ids_N=tuple(self.ids_N[i] for i in rows),
            labels_N=None if self.labels_N is None else self.labels_N[index],
            declared_parts_N=tuple(self.declared_parts_N[i] for i in rows) if self.declared_parts_N else (),
        )


@dataclass(frozen=True, slots=True)
class Splits:
    """The disjoint parts of a data set: fit on `train`, choose on `select`, judge on `test`.

    `reserve` is more real data, kept aside for controls; None where there is none.
    """

    train: ExampleSet
    select: ExampleSet
    test: ExampleSet
    reserve: ExampleSet | None = None


@dataclass(frozen=True, slots=True)
class ModelWeights(_Value):
    """The stored weights of a network.

    Attributes:
        spec: The arguments of its constructor.
        state: Its tensors by name.
        kind: What kind of network it is, such as a key of AUTOENCODERS.
        domain: The kind of examples that it is for, a key of DOMAINS.
    """

    spec: dict[str, int | str]
    state: dict[str, Tensor]
    kind: str = ""
    domain: str = IMAGES

    @property
    def digest(self) -> str:
        """SHA-256 of the tensors."""
        tensors = sorted(self.state.items())
        return digest_of_bytes(*(part for name, t in tensors for part in (name.encode(), *content_of(t))))

    @property
    def n_parameters(self) -> int:
        """Number of scalars in `state`."""
        return sum(tensor.numel() for tensor in self.state.values())


@dataclass(frozen=True, slots=True)
class LatentSet(_Value):
    """The posteriors of a set of examples.

    Attributes:
        z_ND: Posterior means, float32 [N, D].
        log_variance_ND: Posterior log variances, float32 [N, D]; None where the encoder has no variance.
        ids_N: The examples that they belong to.
    """

    z_ND: Tensor
    log_variance_ND: Tensor | None
    ids_N: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidates(_Value):
    """Interpolated latents, with where they come from (draft, section 3.1).

    Attributes:
        z_MD: The latents; linear ones are (1 - alpha) z_i + alpha z_j, float32 [M, D].
        parents_M2: Rows i and j of the latent set, int64 [M, 2].
        alpha_M: Interpolation weights, float32 [M].
        interpolation: How they lie between their parents: "linear" (the draft's) or another kind.
    """

    z_MD: Tensor
    parents_M2: Tensor
    alpha_M: Tensor
    interpolation: str = "linear"

    def take(self, index: Tensor) -> Self:
        """Returns the candidates at `index`, int64 [n] or bool [M]."""
        return replace(self, z_MD=self.z_MD[index], parents_M2=self.parents_M2[index], alpha_M=self.alpha_M[index])


@dataclass(frozen=True, slots=True)
class Scores(_Value):
    """Latent density scores of candidates, in log space (draft, section 3.2).

    Attributes:
        log_lds_M: log LDS, float64 [M].
        sigma: Bandwidth of the kernel, in latent units.
        endpoints_left_out: Whether each candidate's own two parents were left out of its sum.
        rescored: How many of them left the range of float32, and were computed again in float64.
    """

    log_lds_M: Tensor
    sigma: float
    endpoints_left_out: bool
    rescored: int = 0


@dataclass(frozen=True, slots=True)
class Selection(_Value):
    """The candidates that a rule keeps, the densest first.

    Attributes:
        index_A: Rows of the candidates, int64 [A], none twice.
        rule: The rule in words.
        funnel: Stages of the selection in words, first to last, with how many candidates passed each.
        figures: What the rule found out by itself, such as its threshold, by name.
        warnings: What a person should know about it, in plain words.
    """

    index_A: Tensor
    rule: str
    funnel: dict[str, int]
    figures: dict[str, float]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AugmentationSet(_Value):
    """The examples A that finetuning adds to the training set (draft, section 3.2).

    Attributes:
        examples_A: The examples as their domain stores them, [A, ...].
        z_AD: The latents that they were decoded from, float32 [A, D]; None where they were not decoded.
    """

    examples_A: Tensor
    z_AD: Tensor | None = None


@dataclass(frozen=True, slots=True)
class LatentDistribution(_Value):
    """What latents of samples are drawn from.

    Attributes:
        sampler: A name of SAMPLERS.
        name: What it is, in words.
        tensors: Its parameters by name (the module of the sampler has their shapes).
        settings: Further parameters by name.
        class_names_K: The names of the classes of the training latents that it is made of, whose labels are among the
            tensors; empty where it has no classes.
    """

    sampler: str
    name: str
    tensors: dict[str, Tensor]
    settings: dict[str, float]
    class_names_K: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration(_Value):
    """The bandwidth of the latent density that was found by samples of a model against the part select.

    Attributes:
        multiple: The bandwidth as a multiple of that by the draft's rule.
        sigma: The bandwidth, in latent units.
        qualifies: Whether its samples are no copies; if no multiple's are, the multiple is 1.
        n_samples: How many samples of each multiple were measured, and as many held-out examples.
        extractor: Name and digest of the feature extractor.
        curve: Figures by name, one value for every multiple in the order of `multiple`, which is one of the names.
        least_nearest_ratio: The least nearest-neighbour ratio that was allowed.
        most_tail_share: The largest tail share that was allowed.
    """

    multiple: float
    sigma: float
    qualifies: bool
    n_samples: int
    extractor: str
    curve: dict[str, tuple[float, ...]]
    least_nearest_ratio: float = LEAST_NEAREST_RATIO
    most_tail_share: float = MOST_TAIL_SHARE


@dataclass(frozen=True, slots=True)
class Evaluation(_Value):
    """What was measured of one set of samples against held-out images.

    Attributes:
        extractor: Name and digest of the feature extractor; figures of two extractors are not comparable.
        resize: What it does to the size of images, in words.
        part: The part that the held-out images are: "select" or "test".
        held_out_digest: Digest of the held-out images that were used.
        first_seed: Seed of the first sample; the others follow.
        n_samples: Samples, and as many held-out images.
        settings: What else the figures depend on, by name, such as the neighbours and the digest of the training
            images.
        metrics: Figures by name.
        intervals: Low and high end of the 95 % interval of some of them.
        by_real: Influence of every held-out image on some of them, float64 [N].
        by_sample: Influence of every sample on the same ones, float64 [S].
    """

    extractor: str
    resize: str
    part: str
    held_out_digest: str
    first_seed: int
    n_samples: int
    settings: dict[str, str]
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    by_real: dict[str, Tensor]
    by_sample: dict[str, Tensor]

    def named(self) -> dict[str, float]:
        """Returns the figures, and the low and high ends of their intervals as NAME_low and NAME_high."""
        ends = {
            f"{name}_{end}": pair[i] for name, pair in self.intervals.items() for i, end in enumerate(("low", "high"))
        }
        return self.metrics | ends
