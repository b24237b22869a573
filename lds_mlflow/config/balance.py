"""The kind of parameters that are the shares of classes among samples: as in the data, equal, or as they are named."""

from math import isfinite
from typing import Annotated

from pydantic import AfterValidator

__all__ = ["AS_IN_DATA", "EQUAL", "Balance", "shares_of"]

AS_IN_DATA = "data"
"""The shares of the training part."""

EQUAL = "equal"
"""The same share for all classes."""

_ROUNDING = 1e-6


def shares_of(balance: str) -> dict[str, float]:
    """Returns the shares of classes by name; none where they are not named.

    Args:
        balance: The parameter: data, equal, or NAME:SHARE,NAME:SHARE.

    Raises:
        ValueError: It is neither, a class comes twice, or the shares don't sum to 1.
    """
    if balance in (AS_IN_DATA, EQUAL):
        return {}
    found: dict[str, float] = {}
    for item in balance.split(","):
        name, _, share = (part.strip() for part in item.rpartition(":"))
        if not name:
            raise ValueError(f"should be {AS_IN_DATA}, {EQUAL}, or NAME:SHARE,NAME:SHARE with nothing left out")
        if name in found:
            raise ValueError(f"should name every class once, but {name[:50]!r} comes twice")
        found[name] = _share(share)
    total = sum(found.values())
    if abs(total - 1) > _ROUNDING:
        raise ValueError(f"should have shares that sum to 1, but they sum to {total:g}")
    return found


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not (isfinite(share) and 0 <= share <= 1):
        raise ValueError(f"should have shares from 0 to 1: not {text[:50]!r}")
    return share


def _has_shares(value: str) -> str:
    shares_of(value)
    return value


Balance = Annotated[str, AfterValidator(_has_shares)]
