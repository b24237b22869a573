"""Step `classifier`: the offline feature extractor, trained on the training labels."""

from lds_mlflow.config import ClassifierConfig
from lds_mlflow.metrics import ClassifierExtractor, train_classifier
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet

__all__ = ["run"]


def run(config: ClassifierConfig, context: Context) -> str:
    """Stores the classifier as `classifier`."""
    train = context.inputs["data"].load(ExampleSet, "train")
    select = context.inputs["data"].load(ExampleSet, "select")
    model = train_classifier(train, steps=config.classifier_steps, seed=config.classifier_seed, device=context.device)
    weights = model.to_weights()
    context.run.log_value(weights, "classifier")
    extractor = ClassifierExtractor(weights, context.device)
    assert select.labels_N is not None
    accuracy = (extractor.classes(select.examples_N) == select.labels_N).double().mean().item()
    context.run.log_metrics({"select/accuracy": accuracy})
    return f"{extractor.name}: {accuracy:.1%} of the part select classified correctly"
