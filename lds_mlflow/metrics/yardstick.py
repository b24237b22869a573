"""Single figures of many sets of samples, against the same real examples.

An evaluation has all figures, with intervals, floors and influences. Whoever tries many sets of samples out by one
figure or two asks for those figures only; the features and classes of the real examples are computed once.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from lds_mlflow.choices.figures import COPIES, FIGURES, RECONSTRUCTED, Family
from lds_mlflow.metrics.balance import ClassLabels, Features, measure_balance
from lds_mlflow.metrics.estimates import Estimate
from lds_mlflow.metrics.evaluation import class_labels, require_finite
from lds_mlflow.metrics.features.protocols import Extractor, Judge
from lds_mlflow.metrics.frechet import frechet_distance
from lds_mlflow.metrics.further import RealExamples
from lds_mlflow.metrics.kernel import kernel_distance
from lds_mlflow.metrics.memorization import memorization
from lds_mlflow.metrics.neighbours import neighbour_estimates

__all__ = ["Yardstick"]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Real examples with their features, for samples to be measured against.

    Attributes:
        real: The training and the held-out examples.
        extractor: Turns examples into features.
        judge: Tells the class of an example, or None where there are no classes.
        k: Neighbours of precision, recall, density and coverage.
        held_out_NF: Features of the held-out examples, float [N, F].
        train_TF: Features of the training examples, float [T, F].
        labels: The classes of the real examples, or None where there are no classes.
    """

    real: RealExamples
    extractor: Extractor
    judge: Judge | None
    k: int
    held_out_NF: Tensor
    train_TF: Tensor
    labels: ClassLabels | None

    @classmethod
    def of(cls, real: RealExamples, *, extractor: Extractor, judge: Judge | None, k: int) -> Self:
        """Returns the yardstick of real examples."""
        return cls(
            real=real,
            extractor=extractor,
            judge=judge,
            k=k,
            held_out_NF=extractor.features(real.held_out.examples_N),
            train_TF=extractor.features(real.train.examples_N),
            labels=class_labels(real, judge) if judge is not None and len(real.train.class_names_K) > 1 else None,
        )

    def measure(self, samples_S: Tensor, names: Collection[str]) -> dict[str, float]:
        """Returns figures of samples, [S, ...], as many as there are held-out examples.

        Each figure is the one that `evaluate_samples` gives without further real examples.

        Args:
            samples_S: The samples.
            names: Which of FIGURES, of the families frechet, kernel, neighbours, copies and classes. What cannot be
                measured of these examples is left out.

        Raises:
            DataError: There are too few examples for a figure, or a feature is not finite.
        """
        features = Features(self.extractor.features(samples_S), self.held_out_NF, self.train_TF)
        require_finite(features, self.extractor.name)
        wanted = {FIGURES[name].family for name in names}
        found: dict[str, float] = {}
        for family, measured in self._families(samples_S, features).items():
            if family in wanted:
                found |= measured()
        return {name: found[name] for name in names if name in found}

    def measure_reconstructions(self, reconstructions_N: Tensor) -> dict[str, float]:
        """Returns the figures COPIES of a model's reconstructions of the held-out examples, [N, ...].

        Their names begin with RECONSTRUCTED. They say how near to the training examples the decoder moves what is no
        copy of one.

        Raises:
            DataError: A feature is not finite.
        """
        return {f"{RECONSTRUCTED}{name}": value for name, value in self.measure(reconstructions_N, COPIES).items()}

    def _families(self, samples_S: Tensor, features: Features) -> dict[Family, Callable[[], Mapping[str, float]]]:
        samples, held_out, train = features.samples_SF, features.held_out_NF, features.train_TF
        return {
            "frechet": lambda: {"fid": frechet_distance(held_out, samples)},
            "kernel": lambda: {"kid": kernel_distance(held_out, samples).value},
            "neighbours": lambda: _values(neighbour_estimates(held_out, samples, k=self.k)),
            "copies": lambda: memorization(samples, train, held_out).figures,
            "classes": lambda: self._class_share_gaps(samples_S, features),
        }

    def _class_share_gaps(self, samples_S: Tensor, features: Features) -> dict[str, float]:
        if self.judge is None or self.labels is None:
            return {}
        return _values(measure_balance(self.judge.classes(samples_S), self.labels, features).estimates)


def _values(estimates: Mapping[str, Estimate]) -> dict[str, float]:
    return {name: estimate.value for name, estimate in estimates.items()}
