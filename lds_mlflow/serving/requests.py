"""Requests to a registered model: rows, one for every sample or for n of them, and parameters.

JSON knows one kind of number, so 1.0 is the integer 1; and a value that some rows leave out is missing in a table.
"""

from collections.abc import Callable, Collection, Mapping
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lds_mlflow.config.balance import AS_IN_DATA, shares_of
from lds_mlflow.domains import Domain
from lds_mlflow.errors import DataError

__all__ = ["DISTRIBUTIONS", "LARGEST_SEED", "MOST_ROWS", "Options", "SampleRow", "defaults_of", "options_of", "rows_of"]

DISTRIBUTIONS = ("chosen", "prior", "aggregate", "density")
"""What a request may ask its samples to be drawn from. `chosen` is what the model was registered with."""

MOST_ROWS = 256
"""The most samples of one request."""

LARGEST_SEED = 2**32 - 1
"""torch uses 32 bits of a seed: larger seeds would draw the samples of smaller ones again."""

_SEED, _SEED_TO, _AT, _N = "seed", "seed_to", "at", "n"


class Options(NamedTuple):
    """The parameters of a request; `Sampler.predict` explains them."""

    truncation: float
    sampler: str
    format: str
    min_density: float
    label: str
    balance: str
    nearest: bool


class SampleRow(NamedTuple):
    """One sample that is asked for.

    Attributes:
        seed: Its seed.
        seed_to: The seed of the sample at the other end of an interpolation; None where there is none.
        at: How far the sample lies on the way there, 0 to 1.
    """

    seed: int
    seed_to: int | None = None
    at: float = 0.0


def defaults_of(domain: Domain) -> Mapping[str, Any]:
    """Returns the parameters of a request with their defaults, for a kind of examples."""
    return Options(1.0, "chosen", next(iter(domain.formats)), 0.0, "", AS_IN_DATA, False)._asdict()


def options_of(params: Mapping[str, Any], domain: Domain) -> Options:
    """Returns the parameters of a request, each checked.

    Raises:
        DataError: One is out of range.
    """
    defaults = defaults_of(domain)
    given = {**defaults, **{name: value for name, value in params.items() if name in defaults}}

    def refuse(name: str, expected: str, remedy: str = "") -> DataError:
        found = f"{given[name]}"[:200]
        return DataError(name, found=found, expected=expected, remedy=remedy or f"The default is {defaults[name]}.")

    def number(name: str, expected: str, holds: Callable[[float], bool]) -> float:
        try:
            found = float(given[name])
        except (TypeError, ValueError):
            found = inf
        if isfinite(found) and holds(found):
            return found
        raise refuse(name, f"a number {expected}")

    def one_of(name: str, allowed: Collection[str]) -> str:
        if given[name] in allowed:
            return str(given[name])
        raise refuse(name, ", ".join(allowed))

    if not isinstance(given["label"], str):
        raise refuse("label", "the name of a class", 'The default is "", for all.')
    if not isinstance(given["balance"], str):
        raise refuse("balance", "data, equal, or NAME:SHARE,NAME:SHARE")
    if given["label"] and given["balance"] != AS_IN_DATA:
        raise refuse("balance", f"{AS_IN_DATA} where label names a class, which has all of the shares")
    try:
        shares_of(given["balance"])
    except ValueError as error:
        raise refuse("balance", f"{error}".removeprefix("should ")) from None
    if not isinstance(given["nearest"], bool):
        raise refuse("nearest", "true or false")
    return Options(
        truncation=number("truncation", "above 0, at most 2", lambda x: 0 < x <= 2),
        sampler=one_of("sampler", DISTRIBUTIONS),
        format=one_of("format", domain.formats),
        min_density=number("min_density", "from 0 to below 1", lambda x: 0 <= x < 1),
        label=given["label"],
        balance=given["balance"],
        nearest=given["nearest"],
    )


def rows_of(model_input: Any) -> list[SampleRow]:
    """Returns the samples that a request asks for, in its order.

    Args:
        model_input: A table or a mapping with the columns `seed`, or `n` for the samples of that many seeds from `seed`
            on (0 where it is left out), or `seed`, `seed_to` and `at` for a sample between two; a list of seeds; or one
            integer, which is n.

    Raises:
        DataError: It is something else, a value is out of range, or it asks for too many samples.
    """
    table = _table(model_input)
    if not {_SEED, _N} & set(table.columns):
        raise _refusal("column seed", f"columns {', '.join(map(str, table.columns))[:200]}", "seeds, or n")
    if not table.columns.is_unique:
        raise _refusal("the columns", "two of one name", "each name once")
    if table.empty:
        raise _refusal("column seed", "no rows", "one integer from 0 to 2^32 - 1 in every row")
    if len(table) > MOST_ROWS:
        raise _too_many(len(table))
    columns = {name: table[name].tolist() for name in (_SEED, _SEED_TO, _AT, _N) if name in table}
    found: list[SampleRow] = []
    for number in range(len(table)):
        found += _rows_of({name: values[number] for name, values in columns.items()})
        if len(found) > MOST_ROWS:
            raise _too_many(len(found))
    return found


def _table(model_input: Any) -> pd.DataFrame:
    if isinstance(model_input, pd.DataFrame):
        return model_input
    model_input = _plain(model_input)
    if isinstance(model_input, dict):
        columns = {name: _plain(value) for name, value in model_input.items()}
        return _columns(columns if any(isinstance(value, list) for value in columns.values()) else [columns])
    if isinstance(model_input, list | tuple):
        is_records = bool(model_input) and all(isinstance(value, dict) for value in model_input)
        return _columns(model_input if is_records else {_SEED: pd.Series(list(model_input), dtype=object)})
    return pd.DataFrame({_N: pd.Series([model_input], dtype=object)})


def _plain(values: Any) -> Any:
    """Returns an array as a list, or as the number that it has where it has no axes; anything else as it is."""
    return values.tolist() if isinstance(values, np.ndarray | pd.Series) else values


def _columns(data: Any) -> pd.DataFrame:
    try:
        return pd.DataFrame(data)
    except (TypeError, ValueError) as error:
        raise _refusal("the request", f"{error}"[:200], "columns of one length, or a list of seeds") from None


def _rows_of(row: Mapping[str, Any]) -> list[SampleRow]:
    given = {name: value for name, value in row.items() if name == _SEED or not _is_missing(value)}
    if _N in given:
        n = _integer(given, _N, 1, MOST_ROWS, f"an integer from 1 to {MOST_ROWS}, the number of samples")
        first = 0 if _is_missing(given.get(_SEED)) else _seed(given, _SEED)
        if {_SEED_TO, _AT} & given.keys():
            raise _refusal("column n", f"{n}, with seed_to or at", "rows with n, or rows with seed, seed_to and at")
        if first + n - 1 > LARGEST_SEED:
            raise _refusal("column n", f"{n} seeds from {first} on", "no seed above 2^32 - 1")
        return [SampleRow(seed) for seed in range(first, first + n)]
    seed = _seed(given, _SEED)
    if not {_SEED_TO, _AT} & given.keys():
        return [SampleRow(seed)]
    if not {_SEED_TO, _AT} <= given.keys():
        raise _refusal(
            "columns seed_to and at", "one of them alone", "both, for a sample between two seeds, or neither"
        )
    return [SampleRow(seed, _seed(given, _SEED_TO), _share(given[_AT]))]


def _seed(row: Mapping[str, Any], name: str) -> int:
    return _integer(row, name, 0, LARGEST_SEED, "one integer from 0 to 2^32 - 1 in every row")


def _integer(row: Mapping[str, Any], name: str, least: int, most: int, expected: str) -> int:
    value: Any = row.get(name)
    if _is_number(value) and least <= value <= most and value == int(value):
        return int(value)
    raise _refusal(f"column {name}", f"{value}"[:200], expected)


def _share(value: Any) -> float:
    if _is_number(value) and 0 <= value <= 1:
        return float(value)
    raise _refusal("column at", f"{value}"[:200], "a number from 0, the sample of seed, to 1, that of seed_to")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _too_many(n: int) -> DataError:
    return _refusal("the request", f"{n:,} rows", f"at most {MOST_ROWS}, one for every sample")


def _refusal(what: str, found: str, expected: str) -> DataError:
    return DataError(what, found=found, expected=expected, remedy="Send one row for every sample.")
