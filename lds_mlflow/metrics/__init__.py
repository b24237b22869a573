"""Samples against held-out examples: arrays in, figures out.

fid = frechet_distance(real_NF, fake_SF)                       # anyone's features, float [N, F]
density, coverage = density_and_coverage(real_NF, fake_SF)
measured = evaluate_samples(samples_S, RealExamples(train, held_out), extractor=extractor)
comparisons = compare_evaluations({"old": old.evaluation, "new": measured.evaluation})

Functions that take tensors take numpy arrays, half precision and tensors that need gradients as well.

Only `features/` sees examples themselves; the rest knows their features, labels and qualities. Suffixes are shapes:

    N  examples of a set, by itself the real ones      M  examples of another set that it is compared with
    S  samples of a model                              T  training examples
    F  features of an example                          K  classes
    k  nearest neighbours                              B  examples of a batch, or rows of a tile of a table
    P  pairs of examples                               2  the two examples of a pair
    R  replicates of a bootstrap                       V  figures
    C  colour channels, H, W  height and width         1  one column, for broadcasting
"""

from lds_mlflow.metrics.attributes import (
    CorrectedShares,
    class_shares,
    confusion_counts,
    corrected_shares,
    share_gap,
    share_gap_estimate,
    wilson_interval,
)
from lds_mlflow.metrics.balance import Balance, ClassLabels, Features, JudgedLabels, measure_balance
from lds_mlflow.metrics.deciles import Deciles, quality_by_decile
from lds_mlflow.metrics.estimates import Estimate, bootstrap_deviations
from lds_mlflow.metrics.evaluation import EvaluationSettings, SampleMeasurements, evaluate_samples
from lds_mlflow.metrics.features.cache import CachedExtractor
from lds_mlflow.metrics.features.classifier import Classifier, accuracy_by_chance, train_classifier
from lds_mlflow.metrics.features.extractors import ClassifierExtractor
from lds_mlflow.metrics.features.programs import ProgramExtractor
from lds_mlflow.metrics.features.protocols import Extractor, FeatureClassifier, Judge
from lds_mlflow.metrics.features.scaled import ScaledExtractor
from lds_mlflow.metrics.features.sharpness import sharpness
from lds_mlflow.metrics.frechet import (
    Extrapolation,
    frechet_distance,
    frechet_estimate,
    frechet_trace,
    frechet_without_bias,
)
from lds_mlflow.metrics.further import FurtherFigures, RealExamples
from lds_mlflow.metrics.intervals import intervals_of
from lds_mlflow.metrics.judgement.copies import CopyLimits, copy_limits, is_too_near
from lds_mlflow.metrics.judgement.gate import Decision, Limit, Limits, decide
from lds_mlflow.metrics.judgement.over_seeds import MeanOverSeeds, compare_over_seeds, mean_of_values, mean_over_seeds
from lds_mlflow.metrics.judgement.preference import preferred, preferred_over_seeds
from lds_mlflow.metrics.judgement.verdicts import (
    BETTER,
    NO_DIFFERENCE,
    TOO_FEW,
    WORSE,
    Comparison,
    compare_evaluations,
    holm,
)
from lds_mlflow.metrics.kernel import clip_distance, kernel_distance
from lds_mlflow.metrics.memorization import Memorization, data_copying, memorization
from lds_mlflow.metrics.neighbours import density_and_coverage, neighbour_estimates, precision_and_recall
from lds_mlflow.metrics.vendi import vendi_score
from lds_mlflow.metrics.yardstick import Yardstick

__all__ = [
    "BETTER",
    "NO_DIFFERENCE",
    "TOO_FEW",
    "WORSE",
    "Balance",
    "CachedExtractor",
    "ClassLabels",
    "Classifier",
    "ClassifierExtractor",
    "Comparison",
    "CopyLimits",
    "CorrectedShares",
    "Deciles",
    "Decision",
    "Estimate",
    "EvaluationSettings",
    "Extractor",
    "Extrapolation",
    "FeatureClassifier",
    "Features",
    "FurtherFigures",
    "Judge",
    "JudgedLabels",
    "Limit",
    "Limits",
    "MeanOverSeeds",
    "Memorization",
    "ProgramExtractor",
    "RealExamples",
    "SampleMeasurements",
    "ScaledExtractor",
    "Yardstick",
    "accuracy_by_chance",
    "bootstrap_deviations",
    "class_shares",
    "clip_distance",
    "compare_evaluations",
    "compare_over_seeds",
    "confusion_counts",
    "copy_limits",
    "corrected_shares",
    "data_copying",
    "decide",
    "density_and_coverage",
    "evaluate_samples",
    "frechet_distance",
    "frechet_estimate",
    "frechet_trace",
    "frechet_without_bias",
    "holm",
    "intervals_of",
    "is_too_near",
    "kernel_distance",
    "mean_of_values",
    "mean_over_seeds",
    "measure_balance",
    "memorization",
    "neighbour_estimates",
    "precision_and_recall",
    "preferred",
    "preferred_over_seeds",
    "quality_by_decile",
    "share_gap",
    "share_gap_estimate",
    "sharpness",
    "train_classifier",
    "vendi_score",
    "wilson_interval",
]
