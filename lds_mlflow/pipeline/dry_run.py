"""dry_run=true: what a training would cost, or what is found of the user's own model, and nothing else."""

from lds_mlflow.config import AUTO, AugmentConfig, FinetuneConfig, OpenConfig, TrainConfig, parse
from lds_mlflow.entry.console import ALARM
from lds_mlflow.pipeline.records import log_data, log_parameters
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.recipes.costs import estimate_costs
from lds_mlflow.recipes.fit_requests import batch_size_of, steps_at_most
from lds_mlflow.recipes.opening import open_own
from lds_mlflow.tracking import Run, tags
from lds_mlflow.values import ExampleSet

__all__ = ["dry_run"]

_NAME = "dry run"


def dry_run(runner: Runner, run: Run) -> None:
    """Reads the data if no run has, says what the command would begin with, and ends the run.

    That is what is found of the user's own model; or else, after a probe of this machine, what a training would cost.
    Augmentation is estimated with its default parameters, and finetuning with those and the parameters of training.
    """
    run.log_tags({tags.STEP: _NAME})
    if runner.own_model or runner.configs.get(TrainConfig) is None:
        _say_findings(runner, run)
    else:
        _say_costs(runner, run)
    run.end("FINISHED")


def _say_findings(runner: Runner, run: Run) -> None:
    config = runner.configs[OpenConfig]
    log_parameters(run, config)
    inputs = runner.inputs(config, {}, parent=run.id)
    log_data(run, inputs)
    opened = open_own(config.model, inputs["data"].load(ExampleSet, "select"), runner.device)
    run.log_table(opened.findings, "opening.csv")
    run.log_tags({tags.SENTENCE: opened.sentence})
    runner.say(opened.table())
    for alarm in opened.alarms:
        runner.say(f"{ALARM} {alarm}")


def _say_costs(runner: Runner, run: Run) -> None:
    config = runner.configs[TrainConfig]
    log_parameters(run, config)
    inputs = runner.inputs(config, {}, parent=run.id)
    log_data(run, inputs)
    examples = inputs["data"].load(ExampleSet, "train")
    shared = config.model_dump(include=set(FinetuneConfig.model_fields))
    augment, finetune = parse(AugmentConfig, {}), parse(FinetuneConfig, shared)
    costs = estimate_costs(
        config,
        augment,
        finetune,
        examples,
        checkpoint_every=runner.options.checkpoint_every,
        device=runner.device,
        ranks=runner.ranks,
    )
    run.log_metrics({f"plan/{name}": value for name, value in (costs.measured | costs.calculated).items()})
    batches = f"in batches of {batch_size_of(config, examples)}"
    at_most = "at most " if config.train_steps == AUTO else ""
    training = f"{at_most}{steps_at_most(config, examples):,} training steps"
    steps = f"{training} and {finetune.finetune_steps:,} finetuning steps {batches}"
    head = f"{steps}, on {len(examples):,} examples and {runner.device}"
    run.log_note(f"**{_NAME}**: {head}\n\n```\n{costs.table()}\n```")
    run.log_tags({tags.SENTENCE: head})
    runner.say(f"{_NAME:<11}{head}\n{costs.table()}")
