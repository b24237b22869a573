"""The kinds of parameters that are bandwidths: a rule by name, or a number; for samplers also `calibrated`."""

from typing import Annotated

from pydantic import AfterValidator

from lds_mlflow.choices.bandwidths import CALIBRATED, parse_bandwidth
from lds_mlflow.errors import ConfigError

__all__ = ["SamplerSigma", "Sigma"]


def _is_bandwidth(value: str) -> str:
    try:
        parse_bandwidth(value)
    except ConfigError as error:
        raise ValueError(f"should be {error.expected}") from error
    return value


Sigma = Annotated[str, AfterValidator(_is_bandwidth)]


def _is_bandwidth_of_samplers(value: str) -> str:
    try:
        return value if value == CALIBRATED else _is_bandwidth(value)
    except ValueError as error:
        raise ValueError(str(error).replace("should be one of ", f"should be {CALIBRATED}, one of ")) from error


SamplerSigma = Annotated[str, AfterValidator(_is_bandwidth_of_samplers)]
