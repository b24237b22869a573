"""Step `finetune`: continue to train a model on train + A."""

from lds_mlflow.config import NO_RUN, FinetuneConfig
from lds_mlflow.recipes.fit_requests import finetuning_as_configured, outside_of
from lds_mlflow.recipes.tracked_fit import discriminator_in, fit_and_track
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import AugmentationSet, ExampleSet, ModelWeights

__all__ = ["outside", "run"]

outside = outside_of


def run(config: FinetuneConfig, context: Context) -> str:
    """Stores the moving average of the model as `model`."""
    train = context.inputs["data"].load(ExampleSet, "train")
    augmentation = None
    if config.augment_run != NO_RUN:
        augmentation = context.inputs["augment"].load(AugmentationSet, "augmentation")
    baseline = context.inputs["train"]
    request = finetuning_as_configured(
        config,
        baseline.load(ModelWeights, "model"),
        train,
        augmentation,
        checkpoint_every=context.checkpoint_every,
        discriminator=discriminator_in(baseline),
    )
    select = context.inputs["data"].load(ExampleSet, "select")
    fitted = fit_and_track(
        request,
        context,
        train=train,
        select=select,
        description="finetuning",
        begun_with=baseline,
    )
    return f"{request.words}: {fitted.sentence}{_on_another_recipe(config, baseline)}"


def _on_another_recipe(config: FinetuneConfig, baseline: FinishedRun) -> str:
    before = baseline.params.get("recipe", config.recipe)
    if before == config.recipe:
        return ""
    return (
        f"; the model had been trained by recipe={before} and was finetuned by recipe={config.recipe}, so a difference "
        "between the two may be one of their losses"
    )
