"""Step `train`: fit the baseline on the training part."""

from lds_mlflow.config import TrainConfig
from lds_mlflow.recipes.fit_requests import outside_of, training_as_configured
from lds_mlflow.recipes.tracked_fit import fit_and_track
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet

__all__ = ["outside", "run"]

outside = outside_of


def run(config: TrainConfig, context: Context) -> str:
    """Stores the moving average of the model as `model`."""
    train = context.inputs["data"].load(ExampleSet, "train")
    select = context.inputs["data"].load(ExampleSet, "select")
    request = training_as_configured(config, train, checkpoint_every=context.checkpoint_every)
    return fit_and_track(request, context, train=train, select=select, description="training").sentence
