"""Single figures of many sets of samples, against the same real images.

An evaluation has all figures, with intervals, floors and influences. What is tried many times, by one figure or two,
asks for those alone; the features of the real images are computed once.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from lds_mlflow.metrics.balance import Features, measure_balance
from lds_mlflow.metrics.estimates import Estimate
from lds_mlflow.metrics.evaluation import require_finite
from lds_mlflow.metrics.features.extractors import ClassifierExtractor, Extractor
from lds_mlflow.metrics.frechet import frechet_distance
from lds_mlflow.metrics.kernel import kernel_distance
from lds_mlflow.metrics.memorization import memorization
from lds_mlflow.metrics.neighbours import neighbour_estimates
from lds_mlflow.values import ExampleSet

__all__ = ["Yardstick"]

_BY_NEIGHBOURS = {"precision", "recall", "density", "coverage", "clipped_density", "clipped_coverage"}
_BY_COPIES = {"authenticity", "nearest_ratio", "data_copying"}
_BY_CLASSES = {"class_share_gap", "class_share_gap_corrected"}


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Real images with their features, for samples to be measured against.

    Attributes:
        held_out: Images that nothing was fitted on.
        train: The training images.
        extractor: What turns images into features.
        judge: What tells an image's class, or None where there are no classes.
        k: Neighbours of precision, recall, density and coverage.
        held_out_NF: Features, float [N, F].
        train_TF: Features, float [T, F].
    """

    held_out: ExampleSet
    train: ExampleSet
    extractor: Extractor
    judge: ClassifierExtractor | None
    k: int
    held_out_NF: Tensor
    train_TF: Tensor

    @classmethod
    def of(
        cls, held_out: ExampleSet, train: ExampleSet, *, extractor: Extractor, judge: ClassifierExtractor | None, k: int
    ) -> Self:
        """Returns the yardstick of real images."""
        of_held_out, of_train = (extractor.features(images.examples_N) for images in (held_out, train))
        return cls(held_out, train, extractor, judge, k, of_held_out, of_train)

    def measure(self, samples_SCHW: Tensor, names: Collection[str]) -> dict[str, float]:
        """Returns figures of samples, uint8 [S, C, H, W], as many as there are held-out images.

        Each is what `evaluate_samples` gives.

        Args:
            samples_SCHW: The samples.
            names: Which of FIGURES: fid, kid, and those by neighbours, copies and classes. What can't be measured of
                these images is left out.

        Raises:
            DataError: There are too few images for a figure, or a feature is not finite.
        """
        features = Features(self.extractor.features(samples_SCHW), self.held_out_NF, self.train_TF)
        require_finite(features, self.extractor.name)
        found: dict[str, float] = {}
        for group, measured in self._groups(samples_SCHW, features):
            if group.intersection(names):
                found |= measured()
        return {name: found[name] for name in names if name in found}

    def _groups(
        self, samples_SCHW: Tensor, features: Features
    ) -> list[tuple[set[str], Callable[[], Mapping[str, float]]]]:
        samples, held_out, train = features.samples_SF, features.held_out_NF, features.train_TF
        return [
            ({"fid"}, lambda: {"fid": frechet_distance(held_out, samples)}),
            ({"kid"}, lambda: {"kid": kernel_distance(held_out, samples).value}),
            (_BY_NEIGHBOURS, lambda: _values(neighbour_estimates(held_out, samples, k=self.k))),
            (_BY_COPIES, lambda: memorization(samples, train, held_out).figures),
            (_BY_CLASSES, lambda: self._class_share_gaps(samples_SCHW, features)),
        ]

    def _class_share_gaps(self, samples_SCHW: Tensor, features: Features) -> dict[str, float]:
        if self.judge is None or len(self.train.class_names_K) < 2:
            return {}
        measured = measure_balance(samples_SCHW, self.held_out, self.train, features, judge=self.judge, known=None)
        return _values(measured.estimates)


def _values(estimates: Mapping[str, Estimate]) -> dict[str, float]:
    return {name: estimate.value for name, estimate in estimates.items()}
