"""What a generator says of itself: the file generator.json of an exported pair."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.json_objects import json_object

__all__ = ["GENERATOR", "Facts"]

GENERATOR = "generator.json"
"""The file that says what an exported pair is."""

_REMEDY = "docs/how-to/own-model.md shows how to write the folder; the command export writes an example."


@dataclass(frozen=True, slots=True)
class Facts:
    """What a generator is for.

    Attributes:
        example_shape: The shape of one example, such as (3, 64, 64): channels, height and width.
        value_range: What black and white are to it, such as (-1, 1).
        latent_shape: The shape of one latent.
        name: What it is called.
        licence: The licence of its weights; "" where nothing is said.
        noise_shape: The shape of the noise of one latent, which its decoder takes beside the latents; () for none.
        noise_seed: Decides, with a latent, on that noise.
    """

    example_shape: tuple[int, ...]
    value_range: tuple[float, float]
    latent_shape: tuple[int, ...]
    name: str = ""
    licence: str = ""
    noise_shape: tuple[int, ...] = ()
    noise_seed: int = 0

    @classmethod
    def from_json(cls, text: str, what: str) -> Self:
        """Returns the facts that a JSON object says; it may have further keys.

        Args:
            text: The object.
            what: Where it is from, for errors.

        Raises:
            ArtifactError: It is no JSON object, or a fact is missing or impossible.
        """
        return cls.of(json_object(text, what, _REMEDY), what)

    @classmethod
    def of(cls, said: Mapping[str, Any], what: str) -> Self:
        """Returns the facts that a mapping says; it may have further keys.

        Args:
            said: The mapping, of the values that JSON has.
            what: Where it is from, for errors.

        Raises:
            ArtifactError: A fact is missing or impossible.
        """
        return cls(
            example_shape=_shape(said, "example_shape", what),
            value_range=_range(said, what),
            latent_shape=_shape(said, "latent_shape", what),
            name=str(said.get("name", "")),
            licence=str(said.get("licence", "")),
            noise_shape=_shape(said, "noise_shape", what) if said.get("noise_shape", []) != [] else (),
            noise_seed=_seed(said, what),
        )

    def to_json(self) -> str:
        """Returns the facts as a JSON object."""
        return json.dumps(asdict(self), indent=2)


def _shape(said: Mapping[str, Any], key: str, what: str) -> tuple[int, ...]:
    found = said.get(key)
    if isinstance(found, list) and found and all(type(n) is int and 0 < n < 2**20 for n in found):
        return tuple(found)
    raise _wrong(said, key, what, "a list of positive integers, such as [3, 64, 64]")


def _range(said: Mapping[str, Any], what: str) -> tuple[float, float]:
    found = said.get("value_range")
    if isinstance(found, list) and len(found) == 2 and all(type(n) in (int, float) and abs(n) < 2**20 for n in found):
        low, high = found
        if low < high:
            return float(low), float(high)
    raise _wrong(said, "value_range", what, "two numbers, what black and white are to the network, such as [-1, 1]")


def _seed(said: Mapping[str, Any], what: str) -> int:
    found = said.get("noise_seed", 0)
    if type(found) is int and 0 <= found < 2**32:
        return found
    raise _wrong(said, "noise_seed", what, "an integer, 0 to 2^32 - 1")


def _wrong(said: Mapping[str, Any], key: str, what: str, expected: str) -> ArtifactError:
    found = f"{key}={said[key]!r}" if key in said else f"no {key}"
    return ArtifactError(what, found=found, expected=expected, remedy=_REMEDY)
