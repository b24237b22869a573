"""The README.md of a registered model, as Hugging Face shows one: facts for programs, pictures, use, and the card.

The facts are YAML before the text; https://huggingface.co/docs/hub/model-cards has their names.
"""

from collections.abc import Collection
from dataclasses import dataclass

import yaml

from lds_mlflow.choices.figures import FIGURES, SUMMARY
from lds_mlflow.values import IMAGES, Evaluation

__all__ = ["DECODER", "REAL", "SAMPLES", "ModelPage", "readme"]

SAMPLES, REAL, DECODER = "pictures/samples.png", "pictures/real.png", "decoder.pt2"
"""Files beside the README."""

_TITLES = {REAL: "Real (training examples)", SAMPLES: "Samples (seeds 0, 1, 2, ...)"}

_USE = """\
```python
import mlflow

model = mlflow.pyfunc.load_model("models:/{name}@champion")  # or models:/{name}/VERSION
model.predict([1, 2, 3])             # the samples of these seeds
model.predict(16)                    # the samples of the seeds 0 to 15
model.predict({{"seed": [7], "seed_to": [9], "at": [0.5]}}, params={{"min_density": 0.5}})
```"""

_DECODER_USE = f"""\
{DECODER} is the decoder alone, for torch without this project and without MLflow:

```python
import torch

decoder = torch.export.load("{DECODER}").module()
images = decoder(torch.randn(4, {{latent_dim}}))  # {{scale}}
```"""

_NO_DECODER = "There is no file of the decoder alone: it is a program already, or torch.export could not follow it."


@dataclass(frozen=True, slots=True)
class ModelPage:
    """What a README says of a registered model.

    Attributes:
        name: Its name in the registry.
        data: The name of the data that it was trained on.
        domain: The kind of examples that it makes.
        latent_dim: D, the number of scalars in a latent.
        evaluation: Its evaluation by the part select, or None where there is none.
        card: Its card, in Markdown.
        tags: What its architecture is called.
    """

    name: str
    data: str
    domain: str
    latent_dim: int
    evaluation: Evaluation | None
    card: str
    tags: tuple[str, ...] = ("vae", "stylegan2")


def readme(page: ModelPage, beside: Collection[str]) -> str:
    """Returns the README of a registered model, as Markdown that begins with facts in YAML.

    Args:
        page: What it says.
        beside: Those of the files SAMPLES, REAL and DECODER that lie beside it.
    """
    facts = yaml.safe_dump(_facts(page), sort_keys=False, allow_unicode=True)
    scale = "pixels of -1 to 1" if page.domain == IMAGES else "examples in the model's range"
    decoder = _DECODER_USE.format(latent_dim=page.latent_dim, scale=scale) if DECODER in beside else _NO_DECODER
    shown = [(title, f"![{title}]({file})") for file, title in _TITLES.items() if file in beside]
    titles, pictures = zip(*shown, strict=True)
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(shown), pictures))
    first, _, others = page.card.partition("\n\n")
    parts = [f"---\n{facts}---", f"# {page.name}", first, table, "## Use", _USE.format(name=page.name), decoder, others]
    return "\n\n".join(parts) + "\n"


def _facts(page: ModelPage) -> dict[str, object]:
    found: dict[str, object] = {
        "library_name": "mlflow",
        # Weights are under the terms of the training examples, which only their owner knows.
        "license": "unknown",
        "tags": [*page.tags, "latent-density", "lds-mlflow"],
        "datasets": [page.data],
    }
    if page.domain == IMAGES:
        found["pipeline_tag"] = "unconditional-image-generation"
    evaluation = page.evaluation
    if evaluation is None:
        return found
    measured = [name for name in SUMMARY if name in evaluation.metrics]
    results = {
        "task": {"type": found.get("pipeline_tag", "other")},
        "dataset": {"name": page.data, "type": page.data, "split": evaluation.part},
        "metrics": [
            {
                "type": name,
                "name": f"{FIGURES[name].title}, by the features of {evaluation.extractor}",
                "value": float(f"{evaluation.metrics[name]:.4g}"),
            }
            for name in measured
        ],
    }
    return {**found, "metrics": measured, "model-index": [{"name": page.name, "results": [results]}]}
