"""Step `classifier`: the offline feature extractor, trained on the training labels."""

from dataclasses import replace

from torch import Tensor

from lds_mlflow.config import ClassifierConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.metrics import accuracy_by_chance
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
    context.run.log_metrics({"accuracy": accuracy})
    context.alarms.extend(_alarms(accuracy, select.labels_N))
    return f"{accuracy:.1%} of the part select classified correctly by {judge.name}"


def _alarms(accuracy: float, labels_N: Tensor) -> list[str]:
    chance = accuracy_by_chance(labels_N)
    if accuracy > chance.highest:
        return []
    return [
        f"Naming the most frequent class every time would classify {chance.accuracy:.1%} correctly. This "
        "classifier has learned little, so its figures mean little: check the classes that data has found, raise "
        "classifier_steps, or choose other features."
    ]
