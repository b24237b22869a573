"""Step `open`: a model of the user's own, in place of a trained one."""

from dataclasses import replace

from lds_mlflow.config import OpenConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.recipes.opening import digest_of_model, open_own
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet

__all__ = ["outside", "run"]

_SHOWN = 64


def outside(config: OpenConfig) -> str:
    """Returns the digest of the files of the model."""
    return digest_of_model(config.model)


def run(config: OpenConfig, context: Context) -> str:
    """Stores the model as `model`, and what was found of it as `opening.csv`."""
    select = context.inputs["data"].load(ExampleSet, "select")
    opened = open_own(config.model, select, context.device)
    context.say(opened.table())
    context.run.log_value(replace(opened.weights, domain=select.domain), "model")
    context.run.log_table(opened.findings, "opening.csv")
    context.run.log_figures(opened.figures, listed=opened.figures)
    domain, shown = domain_of(select.domain), select.spread(_SHOWN).examples_N
    reconstructed = opened.codec.decode(opened.codec.encode(shown).mean)
    context.run.log_picture(domain.pairs(shown, reconstructed), "pictures/real_above_reconstructed.png")
    context.alarms.extend(opened.alarms)
    return opened.sentence
