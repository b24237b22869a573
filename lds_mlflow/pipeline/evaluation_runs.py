"""The runs that `compare` and `register` read: models, and their evaluations."""

from lds_mlflow.choices.bandwidths import CALIBRATED
from lds_mlflow.choices.samplers import COMPARED, PRIOR
from lds_mlflow.config import AUTO, NO_MODEL, NO_RUN, CompareConfig, RegisterConfig, named_runs
from lds_mlflow.config.arms import BASELINE, CONTROL
from lds_mlflow.entry.graph import MODELS, OPEN, REGISTER
from lds_mlflow.errors import ConfigError
from lds_mlflow.pipeline.calibration_runs import calibration_of, can_be_judged, takes_classifier
from lds_mlflow.pipeline.request import Runs
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.values import LatentDistribution

__all__ = ["evaluate_model", "inputs_of_compare", "inputs_of_register"]


def inputs_of_compare(runner: Runner, config: CompareConfig, known: Runs, parent: str) -> dict[str, FinishedRun]:
    """Returns the evaluations of the models that `runs` names, by name; missing evaluations are made."""
    if config.runs == AUTO:
        return _evaluations_of_main(runner, dict(known), parent)
    models: dict[str, FinishedRun] = {}
    for label, reference in named_runs(config.runs):
        found = runner.open(MODELS, reference)
        name = label or _name(runner, found, parent)
        if name in models:
            raise ConfigError(
                "runs",
                found=f"two runs of the name {name}",
                expected="a different name for each model",
                remedy="Leave one of them out, or give names: runs=NAME=RUN,NAME=RUN.",
            )
        models[name] = found
    return {
        label: model if model.step == "evaluate" else evaluate_model(runner, label, model, known, parent)
        for label, model in models.items()
    }


def _evaluations_of_main(runner: Runner, known: dict[str, FinishedRun], parent: str) -> dict[str, FinishedRun]:
    """Evaluates the baseline, the control and the finetuned model, the last one also with its registered sampler."""
    if "data" not in known:
        known["data"] = runner.resolve("data", known, parent=parent)
    if runner.own_model:
        return _evaluations_of_own(runner, known, parent)
    # Examples without labels stop it before anything is trained.
    for name in ("classifier", "train") if takes_classifier(runner, known["data"]) else ("train",):
        known[name] = runner.resolve(name, known, parent=parent)
    control = runner.resolve("finetune", known, parent=parent, label=CONTROL, changes={"augment_run": NO_RUN})
    finetuned = runner.resolve("finetune", known, parent=parent)
    models = {BASELINE: known.pop("train"), CONTROL: control, "finetuned": finetuned}
    evaluations = {
        label: evaluate_model(runner, label, model, known, parent, sampler=PRIOR) for label, model in models.items()
    }
    registering = runner.configs.get(RegisterConfig)
    if registering is not None and registering.registered_model != NO_MODEL:
        registered = runner.resolve(REGISTER, {**known, "finetune": finetuned}, parent=parent)
        sampler = registered.load(LatentDistribution, "distribution").sampler
        if sampler != PRIOR:
            label = f"finetuned by {sampler}"
            evaluations[label] = evaluate_model(runner, label, finetuned, known, parent, sampler=sampler)
    return evaluations


def _evaluations_of_own(runner: Runner, known: dict[str, FinishedRun], parent: str) -> dict[str, FinishedRun]:
    """Registers the user's own model with the best sampler by the part select, and evaluates it with each."""
    if takes_classifier(runner, known["data"]):
        known["classifier"] = runner.resolve("classifier", known, parent=parent)
    opened = known[OPEN] = runner.resolve(OPEN, known, parent=parent)
    registering = runner.configs.get(RegisterConfig)
    if registering is not None and registering.registered_model != NO_MODEL:
        runner.resolve(REGISTER, known, parent=parent)
    return {sampler: evaluate_model(runner, sampler, opened, known, parent, sampler=sampler) for sampler in COMPARED}


def inputs_of_register(runner: Runner, config: RegisterConfig, known: Runs, parent: str) -> dict[str, FinishedRun]:
    """Returns the model to register and, to choose its sampler, its evaluations by the select part, one per sampler."""
    found = runner.inputs(config, known, parent)
    if config.sampler_sigma == CALIBRATED:
        found |= calibration_of(runner, config, found, known, parent)
    if config.served_sampler != AUTO or not can_be_judged(runner, found["data"]):
        return found
    settled = {**known, "data": found["data"], **{name: found[name] for name in ("calibrate",) if name in found}}
    if takes_classifier(runner, found["data"]):
        settled["classifier"] = known.get("classifier") or runner.resolve("classifier", settled, parent=parent)
    for sampler in COMPARED:
        label = f"select {sampler}"
        found[sampler] = evaluate_model(
            runner, label, found["model"], settled, parent, part="select", sampler=sampler, samples=0
        )
    return found


def evaluate_model(
    runner: Runner, label: str, model: FinishedRun, known: Runs, parent: str, **changes: str | int
) -> FinishedRun:
    """Returns the evaluation of a model, with changes to the command's configuration of it."""
    data = runner.upstream(model, "data", parent=parent)
    without = {} if takes_classifier(runner, data) else {"classifier_run": NO_RUN}
    settled = {name: run for name, run in known.items() if name in ("classifier", "calibrate")}
    return runner.resolve(
        "evaluate", settled, parent=parent, label=label, changes={"model_run": model.id, **without, **changes}
    )


def _name(runner: Runner, run: FinishedRun, parent: str) -> str:
    model = runner.upstream(run, "model", parent=parent) if run.step == "evaluate" else run
    return f"{model.step} {model.id[:8]}"
