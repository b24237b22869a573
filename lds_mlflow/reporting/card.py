"""The card of a registered model: what it was made of, how, what was measured, and what it is not good for."""

from collections.abc import Mapping

from lds_mlflow.choices.figures import FIGURES, SUMMARY
from lds_mlflow.pictures import REAL_EXAMPLES
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.values import Evaluation

__all__ = ["model_card"]

_SHOWN = (*SUMMARY, "class_share_gap_corrected")
_STEPS = ("train", "augment", "finetune")
_PARAMETERS = {
    "open": ("model",),
    "train": ("preset", "prior", "train_steps", "learning_rate", "batch_size", "train_seed"),
    "augment": (
        *("source", "selection", "top_fraction", "sigma", "sigma_multiplier", "interpolation", "leave_endpoints_out"),
        *("augmentation_ratio", "augment_seed"),
    ),
    "finetune": ("finetune_variant", "finetune_steps", "finetune_learning_rate", "finetune_prior", "finetune_seed"),
}
_LIMITS = """\
- The figures are measured on the part select, by which the sampler was chosen, and in a search the parameters too. So \
they are better than they should be. Judge the model on the part test, by `evaluate` and `compare`.
- The model is the result of one training run: another seed makes another model.
- Its samples have what its training examples have, with their gaps and skews. A latent in a dense region is typical, \
which does not make its sample true.
- It holds the latents of its training examples, from which these can be decoded roughly, and some of the examples \
themselves (as many as kept_examples said)."""

_LICENCES = (
    "The code is under Apache-2.0. Weights and samples derive from the training examples, and are under their terms."
)


def model_card(
    inputs: Mapping[str, FinishedRun], sampler: str, evaluation: Evaluation | None, lineage: str, *, sentence: str
) -> str:
    """Returns a model's card in Markdown.

    Args:
        inputs: The runs that the model was made from, by their steps.
        sampler: What it is sampled from, in words.
        evaluation: Its evaluation by the part select, or None where there is none.
        lineage: The runs that led to it, with links, in Markdown.
        sentence: What the model is, in a sentence.
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
        "Licences": _LICENCES,
        "Lineage": lineage,
    }
    return "\n\n".join(f"## {title}\n\n{text}" if title else text for title, text in parts.items())


def _parameters_of(name: str, run: FinishedRun) -> str:
    params = run.params
    return f"- {name}: {', '.join(f'{own}={params[own]}' for own in _PARAMETERS[name] if own in params)}"


def _figures(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "There are none: the model was registered without being evaluated on the part select."
    lines = [f"| figure | samples | 95 % interval | {REAL_EXAMPLES} |", "|---|---|---|---|"]
    for name in _SHOWN:
        if name in evaluation.metrics:
            low, high = evaluation.intervals[name]
            floor = evaluation.metrics.get(f"floor_{name}")
            real = "" if floor is None else f"{floor:.3g}"
            value = evaluation.metrics[name]
            lines.append(f"| {FIGURES[name].title} | {value:.3g} | {low:.3g} to {high:.3g} | {real} |")
    n, extractor = evaluation.n_samples, evaluation.extractor
    return "\n".join(
        [*lines, "", f"{n:,} samples against as many examples of the part select, by the features of {extractor}."]
    )
