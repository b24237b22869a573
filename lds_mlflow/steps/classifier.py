"""Step `classifier`: the offline feature extractor, trained on the training labels."""

from dataclasses import replace
from math import sqrt

from torch import Tensor

from lds_mlflow.config import ClassifierConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet

__all__ = ["run"]


def run(config: ClassifierConfig, context: Context) -> str:
    """Stores the classifier as `classifier`."""
    train = context.inputs["data"].load(ExampleSet, "train")
    select = context.inputs["data"].load(ExampleSet, "select")
    domain = domain_of(train.domain)
    trained = domain.train_classifier(
        train, steps=config.classifier_steps, seed=config.classifier_seed, device=context.device
    )
    weights = replace(trained, domain=domain.name)
    context.run.log_value(weights, "classifier")
    judge = domain.open_classifier(weights, context.device)
    assert select.labels_N is not None
    accuracy = (judge.classes(select.examples_N) == select.labels_N).double().mean().item()
    context.run.log_metrics({"select/accuracy": accuracy})
    return f"{judge.name}: {accuracy:.1%} of the part select classified correctly{_note(accuracy, select.labels_N)}"


def _note(accuracy: float, labels_N: Tensor) -> str:
    most_frequent = labels_N.bincount().max().item() / len(labels_N)
    # Two standard errors of the share that the most frequent class has among so many examples.
    if accuracy > most_frequent + 2 * sqrt(most_frequent * (1 - most_frequent) / len(labels_N)):
        return ""
    return (
        f"\nNote: To name the most frequent class every time would classify {most_frequent:.1%} correctly, so this "
        "classifier has learned little, and figures by its features or classes say little. Look at the classes that "
        "the step data has found, raise classifier_steps, or give other features."
    )
