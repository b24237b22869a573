"""Reads the JSON objects that describe models."""

import json
from typing import Any

from lds_mlflow.errors import ArtifactError

__all__ = ["json_object"]


def json_object(content: str | bytes, what: str, remedy: str) -> dict[str, Any]:
    """Returns an object in JSON.

    Args:
        content: The object.
        what: Where it is from, for errors.
        remedy: What to do where it is none.

    Raises:
        ArtifactError: It is no object in JSON.
    """
    try:
        found = json.loads(content)
        if not isinstance(found, dict):
            raise ValueError(f"the type {type(found).__name__}")
    except (ValueError, RecursionError) as error:
        raise ArtifactError.because(error, what, expected="a JSON object", remedy=remedy) from error
    return found
