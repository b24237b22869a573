"""The runs that steps read which draw samples: the model, and the bandwidth that was calibrated for it."""

from lds_mlflow.choices.bandwidths import CALIBRATED, DRAFTS_BANDWIDTH
from lds_mlflow.config import NO_RUN, CalibrateConfig, EvaluateConfig, SampleConfig, SamplerSettings
from lds_mlflow.pipeline.request import Runs
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.tracking import FinishedRun

__all__ = ["calibration_of", "can_be_judged", "inputs_of_samples", "takes_classifier"]


def inputs_of_samples(
    runner: Runner, config: EvaluateConfig | SampleConfig, known: Runs, parent: str
) -> dict[str, FinishedRun]:
    """Returns what a step reads that draws samples, with the calibration of the model where the sampler takes one."""
    found = runner.inputs(config, known, parent)
    return found | calibration_of(runner, config, found, known, parent) if config.is_calibrated else found


def calibration_of(
    runner: Runner, config: SamplerSettings, found: Runs, known: Runs, parent: str
) -> dict[str, FinishedRun]:
    """Returns the calibration of a model by the name of its step; none, with a line, where it can't be measured.

    Args:
        runner: Finds or makes it.
        config: The parameters of the sampler, whose kernel is calibrated.
        found: The model, its data, and the classifier where there is one.
        known: Upstream runs that are settled already; a calibration among them is of this model.
        parent: Id of the run to nest new runs under.
    """
    if "calibrate" in known:
        return {"calibrate": known["calibrate"]}
    data = found["data"]
    if why := _why_not(runner, data):
        runner.say(f"{'calibrate':<11}not measured, since {why}: sampler_sigma={CALIBRATED} is {DRAFTS_BANDWIDTH} here")
        return {}
    without = {} if takes_classifier(runner, data) else {"classifier_run": NO_RUN}
    settled = {name: run for name, run in {**known, **found}.items() if name == "classifier"}
    changes = {"model_run": found["model"].id, "sampler_kernel": config.sampler_kernel, **without}
    return {"calibrate": runner.resolve("calibrate", settled, parent=parent, changes=changes)}


def _why_not(runner: Runner, data: FinishedRun) -> str:
    k, n = runner.configs[CalibrateConfig].k_neighbours, int(data.metrics["select_examples"])
    if not can_be_judged(runner, data):
        return "without classes there is no classifier, by whose features samples are judged (features)"
    return f"the part select has {n:,} images, and k_neighbours={k} takes more" if n <= k else ""


def can_be_judged(runner: Runner, data: FinishedRun) -> bool:
    """Says whether samples can be judged: by the classifier, if the examples have classes, or by other features."""
    return data.metrics["classes"] > 0 or runner.configs[CalibrateConfig].features != "classifier"


def takes_classifier(runner: Runner, data: FinishedRun) -> bool:
    """Says whether samples are judged by the classifier: for their features, or for their classes."""
    return data.metrics["classes"] > 0 or runner.configs[CalibrateConfig].features == "classifier"
