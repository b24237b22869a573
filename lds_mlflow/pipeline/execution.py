"""Runs a step, and writes on its run what it is made from and what came out."""

import json
from importlib import import_module
from time import monotonic

from lds_mlflow.machine.files import remove
from lds_mlflow.pipeline.records import alarm_notes, in_lines, log_data, log_parameters
from lds_mlflow.pipeline.request import Request
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.context import Context

__all__ = ["execute"]


def execute(needed: Request, context: Context) -> None:
    """Runs a step, from its checkpoint where an earlier command has left one, and ends its run.

    Args:
        needed: What the run is made from.
        context: The surroundings of the step, and the run.
    """
    run, step = context.run, needed.step
    with run.together():
        run.log_tags({tags.STEP: step.name, tags.FINGERPRINT: needed.fingerprint})
        run.log_inputs({stem: (upstream.id, upstream.digest) for stem, upstream in needed.inputs.items()})
        log_parameters(run, needed.config)
    log_data(run, needed.inputs)
    if context.checkpoint_path.exists():
        context.say(f"{step.name:<11}going on from the checkpoint of an earlier command (run {run.id[:8]})")
    run.watch_system()
    started = monotonic()
    sentence = import_module(step.module).run(needed.config, context)
    with run.together():
        run.log_metrics({tags.COST: monotonic() - started})
        said = f"**{step.name}**: {in_lines(sentence)}."
        run.log_note("\n\n".join([*alarm_notes(context.alarms), said, context.lineage]))
        run.log_tags({tags.SENTENCE: sentence})
        if context.alarms:
            run.log_tags({tags.ALARMS: json.dumps(context.alarms)})
        run.end("FINISHED")
    remove(context.checkpoint_path)
