"""The card of a registered model: what it was made of, how, what was measured, and what it is not good for."""

from collections.abc import Mapping

from lds_mlflow.metrics import FIGURES
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.values import Evaluation

__all__ = ["model_card"]

_SHOWN = ("fid", "coverage", "density", "nearest_ratio", "class_share_gap_corrected")
_STEPS = ("train", "augment", "finetune")
_PARAMETERS = {
    "train": ("preset", "prior", "train_steps", "learning_rate", "batch_size", "train_seed"),
    "augment": (
        *("source", "selection", "top_fraction", "sigma", "sigma_multiplier", "interpolation", "leave_endpoints_out"),
        *("augmentation_ratio", "augment_seed"),
    ),
    "finetune": ("finetune_variant", "finetune_steps", "finetune_learning_rate", "finetune_prior", "finetune_seed"),
}
_LIMITS = """\
- The figures are by the part select, which the sampler (and in a search the parameters) was chosen by: \
they are too good. The part test is for judging, by `evaluate` and `compare`.
- One training run: another seed makes another model.
- It draws what its training images have, with their gaps and skews. A latent that lies densely is typical, not true.
- It holds the latents of its training images, from which those can be decoded roughly."""


def model_card(
    inputs: Mapping[str, FinishedRun], sampler: str, evaluation: Evaluation | None, lineage: str, *, sentence: str
) -> str:
    """Returns a model's card in Markdown.

    Args:
        inputs: The runs that it was made from, by their steps.
        sampler: What it is sampled from, in words.
        evaluation: What the part select says of it, or None.
        lineage: The runs with links.
        sentence: What it is, in a sentence.
    """
    data = inputs["data"]
    steps = {name: inputs[name] for name in _STEPS if name in inputs}
    steps.setdefault(inputs["model"].step, inputs["model"])
    method = [f"- {name}: {run.sentence}" for name, run in steps.items()]
    parts = {
        "": f"{sentence}.",
        "Data": f"{data.params['data']}: {data.sentence}. Digest {data.digest[:12]}.",
        "Method": "\n".join([*method, f"- samples: from {sampler}"]),
        "Parameters": "\n".join(_parameters_of(name, run) for name, run in steps.items()),
        "Figures": _figures(evaluation),
        "Limits": _LIMITS,
        "Licences": "The code: Apache-2.0. Weights and samples come from the training images, under their terms.",
        "Lineage": lineage,
    }
    return "\n\n".join(f"## {title}\n\n{text}" if title else text for title, text in parts.items())


def _parameters_of(name: str, run: FinishedRun) -> str:
    params = run.params
    return f"- {name}: {', '.join(f'{own}={params[own]}' for own in _PARAMETERS[name] if own in params)}"


def _figures(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "None: it was registered without being evaluated by the part select."
    lines = ["| figure | samples | 95 % interval | real images |", "|---|---|---|---|"]
    for name in _SHOWN:
        if name in evaluation.metrics:
            low, high = evaluation.intervals[name]
            floor = evaluation.metrics.get(f"floor_{name}")
            real = "" if floor is None else f"{floor:.3g}"
            value = evaluation.metrics[name]
            lines.append(f"| {FIGURES[name].title} | {value:.3g} | {low:.3g} to {high:.3g} | {real} |")
    n, extractor = evaluation.n_samples, evaluation.extractor
    return "\n".join([*lines, "", f"{n:,} samples against as many images of the part select, by {extractor}."])
