"""The kind of a parameter that is a bandwidth: a rule by name, or a number."""

from typing import Annotated

from pydantic import AfterValidator

from lds_mlflow.choices.bandwidths import parse_bandwidth
from lds_mlflow.errors import ConfigError

__all__ = ["Sigma"]


def _is_bandwidth(value: str) -> str:
    try:
        parse_bandwidth(value)
    except ConfigError as error:
        raise ValueError(f"should be {error.expected}") from error
    return value


Sigma = Annotated[str, AfterValidator(_is_bandwidth)]
