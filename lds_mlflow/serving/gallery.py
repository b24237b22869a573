"""What the gallery page of a served model is made of, and what people take from it."""

import io
import json
import zipfile
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.domains import Domain
from lds_mlflow.serving.requests import DISTRIBUTIONS, LARGEST_SEED
from lds_mlflow.serving.sampler import Sampler

__all__ = ["about", "archive_of", "page_of"]

_ABOUT = "<!-- about -->"
"""What the page has in place of the model's facts."""

_NEAREST = "nearest"


def about(sampler: Sampler, facts: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the page of a model says, by name, as values of JSON.

    Args:
        sampler: The model.
        facts: What is known of it besides, such as `name` and `version`.
    """
    gallery = sampler.domain.gallery
    assert gallery is not None
    show = sampler.domain.formats[gallery.picture]
    examples, distributions = sampler.examples, sampler.distributions
    labels = [] if examples is None or examples.labels_N is None else examples.labels_N.tolist()
    return {
        "facts": dict(facts),
        "noun": gallery.noun,
        "column": sampler.domain.column,
        "picture": gallery.picture,
        "besides": dict(gallery.besides),
        "largest_seed": LARGEST_SEED,
        "samplers": [
            {
                "name": name,
                "says": distributions[name].name,
                "classes": bool(SAMPLERS[distributions[name].sampler].of_rows),
                "balance": SAMPLERS[distributions[name].sampler].has_weights,
            }
            for name in DISTRIBUTIONS
        ],
        "classes": list(sampler.class_names_K),
        "real": [] if examples is None else [show(example) for example in examples.examples_N],
        "labels": [] if examples is None else [examples.class_names_K[label] for label in labels],
    }


def page_of(sampler: Sampler, facts: Mapping[str, str]) -> str | None:
    """Returns the gallery page of a model, or None where its kind of examples has none; see `about`."""
    if sampler.domain.gallery is None:
        return None
    # Inside an element of HTML only "<" could end the JSON.
    content = json.dumps(about(sampler, facts)).replace("<", "\\u003c")
    return sampler.domain.gallery.page.read_text(encoding="utf-8").replace(_ABOUT, content)


def archive_of(answer: pd.DataFrame, domain: Domain) -> bytes:
    """Returns samples as the content of a zip file: a file of each, and a table of what is known of them.

    Args:
        answer: Rows of `Sampler.predict`, with the examples in the format that the domain's gallery has for its zip.
        domain: The kind of examples.
    """
    assert domain.gallery is not None
    encoded = [name for name in (domain.column, _NEAREST) if name in answer]
    table = answer.drop(columns=encoded)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, row in enumerate(answer.to_dict("records"), start=1):
            for name in encoded:
                file = f"{number:03}-seed-{row['seed']}-{name}.{domain.gallery.archived}"
                archive.writestr(file, b64decode(row[name]))
        archive.writestr("samples.csv", table.to_csv(index=False))
    return buffer.getvalue()
