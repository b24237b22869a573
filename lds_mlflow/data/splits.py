"""Train, select and test: divided once, by the digest of every example's content, before anything is fitted.

An example's place is the rank of SHA-256(seed, content), so it doesn't depend on names or their order, and copies of
one example always fall on the same side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

import torch

from lds_mlflow.data.digests import digests_of_rows
from lds_mlflow.data.labels import composed
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.values import ExampleSet, Splits

__all__ = ["declare_parts", "exact_copies", "limit_examples", "split_examples"]


def split_examples(
    examples: ExampleSet, *, select_fraction: float, test_fraction: float, seed: int, reserve_fraction: float = 0.0
) -> Splits:
    """Divides a set into its parts (evaluation protocol: fit on train, choose on select, judge on test).

    Examples that the source declares as test, select or reserve go to that part, and the other parts are taken from the
    rest. Copies of the examples of a declared part are left out of all other parts.

    Args:
        examples: The whole set.
        select_fraction: Share of the examples, beside a declared test part, that go to select, where none is declared.
        test_fraction: Share of the examples that go to test, where the source declares none.
        seed: Another seed makes another division.
        reserve_fraction: Share of the examples, counted as for select, that are kept aside as more real data.

    Raises:
        DataError: A part would have fewer than two examples.
    """
    content = _content_digests(examples, seed)
    order = sorted(range(len(examples)), key=lambda i: content[i])
    declared = examples.declared_parts_N or ("",) * len(examples)
    test, select, reserve, rest = _as_declared(order, declared, content)
    n_select, n_test, n_reserve = (round(f * len(rest)) for f in (select_fraction, test_fraction, reserve_fraction))
    if not test:
        test, rest = _cut(rest, n_test, content)
    if not select:
        select, rest = _cut(rest, n_select, content)
    if not reserve:
        reserve, rest = _cut(rest, n_reserve, content)
    train = rest
    parts = {"train": train, "select": select, "test": test}
    small = [f"{name} {len(part)}" for name, part in parts.items() if len(part) < 2]
    if small:
        raise DataError(
            f"the split of {examples.name} ({len(examples)} examples)",
            found=f"too few examples in {' and '.join(small)}",
            expected="at least 2 in each of train, select and test",
            remedy="Give more examples, or change select_fraction and test_fraction.",
        )
    return Splits(
        **{name: examples.take(torch.tensor(sorted(part))) for name, part in parts.items()},
        reserve=examples.take(torch.tensor(sorted(reserve))) if reserve else None,
    )


def declare_parts(examples: ExampleSet, parts: Mapping[str, str]) -> ExampleSet:
    """Returns the examples that a list assigns to a part, with that part as declared.

    Args:
        examples: The whole set.
        parts: train, select, test or reserve, by the name of an example, or, if none is one, by its last part.

    Raises:
        DataError: The list names none of the examples.
    """
    names: Sequence[str] = [composed(name) for name in examples.ids_N]
    if not parts.keys() & set(names):
        names = [PurePosixPath(name).name for name in names]
        parts = {PurePosixPath(name).name: part for name, part in parts.items()}
    rows = [row for row, name in enumerate(names) if name in parts]
    if not rows:
        raise DataError(
            "split_list",
            found=f"{len(parts):,} examples, such as {next(iter(parts), 'none')}, none of which is in {examples.name}",
            expected=f"names of its examples, such as {examples.ids_N[0]}",
            remedy="Give the list of these examples.",
        )
    return replace(examples.take(torch.tensor(rows)), declared_parts_N=tuple(parts[names[row]] for row in rows))


def exact_copies(examples: ExampleSet) -> list[tuple[str, str]]:
    """Returns the examples that are exact copies of an earlier example, each with that example."""
    first: dict[str, str] = {}
    names = zip(examples.ids_N, _content_digests(examples, 0), strict=True)
    return [(name, seen) for name, content in names if (seen := first.setdefault(content, name)) != name]


def limit_examples(examples: ExampleSet, limit: int, *, seed: int) -> ExampleSet:
    """Returns all examples that the source declares as test, and at most `limit` others; 0 is no limit."""
    if not limit:
        return examples
    content = _content_digests(examples, seed)
    declared = examples.declared_parts_N or ("",) * len(examples)
    rest = sorted((i for i in range(len(examples)) if declared[i] != "test"), key=lambda i: content[i])
    test = [i for i in range(len(examples)) if declared[i] == "test"]
    return examples.take(torch.tensor(sorted(rest[:limit] + test), dtype=torch.int64))


def _as_declared(order: list[int], declared: Sequence[str], content: list[str]) -> list[list[int]]:
    """Returns the examples that are declared as test, select and reserve, and the rest, without copies across them."""
    held_out: set[str] = set()
    found = []
    for part in ("test", "select", "reserve"):
        found.append([i for i in order if declared[i] == part and content[i] not in held_out])
        held_out |= {content[i] for i in found[-1]}
    return [*found, [i for i in order if content[i] not in held_out]]


def _content_digests(examples: ExampleSet, seed: int) -> list[str]:
    return digests_of_rows(partial(digest_of_bytes, str(seed).encode()), examples.examples_N)


def _cut(order: list[int], size: int, content: list[str]) -> tuple[list[int], list[int]]:
    # Copies of one image are neighbours in the order: move the cut past them.
    while 0 < size < len(order) and content[order[size]] == content[order[size - 1]]:
        size += 1
    return order[:size], order[size:]
