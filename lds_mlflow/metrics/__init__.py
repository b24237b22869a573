"""Samples against held-out images: arrays in, figures out."""

from lds_mlflow.metrics.attributes import class_shares, share_gap, wilson_interval
from lds_mlflow.metrics.classifier import Classifier, train_classifier
from lds_mlflow.metrics.evaluation import evaluate_samples
from lds_mlflow.metrics.features import ClassifierExtractor, Extractor, InceptionExtractor
from lds_mlflow.metrics.frechet import frechet_distance
from lds_mlflow.metrics.neighbours import density_and_coverage, precision_and_recall
from lds_mlflow.metrics.sharpness import sharpness

__all__ = [
    "Classifier",
    "ClassifierExtractor",
    "Extractor",
    "InceptionExtractor",
    "class_shares",
    "density_and_coverage",
    "evaluate_samples",
    "frechet_distance",
    "precision_and_recall",
    "share_gap",
    "sharpness",
    "train_classifier",
    "wilson_interval",
]
