"""Classes that have too few examples in a part of the data to be learned, known or judged."""

from collections.abc import Mapping

import torch

from lds_mlflow.values import ExampleSet

__all__ = ["sparse_classes"]

_FEWEST = 10
"""With fewer training examples, a class has no distance of its own in an evaluation."""

_SHOWN, _LONGEST = 10, 40


def sparse_classes(parts: Mapping[str, ExampleSet]) -> str:
    """Returns a sentence about classes that are missing from a part or have fewer than ten training examples, or "".

    Args:
        parts: The parts by name, among them `train`; all have the same classes.
    """
    names = parts["train"].class_names_K
    counts = {
        part: torch.bincount(examples.labels_N, minlength=len(names)).tolist()
        for part, examples in parts.items()
        if examples.labels_N is not None and part != "reserve"
    }
    sparse = [
        (min(count[label] for count in counts.values()), label)
        for label in range(len(names))
        if counts and (counts["train"][label] < _FEWEST or not all(count[label] for count in counts.values()))
    ]
    if not sparse:
        return ""
    shown = [
        f"{names[label][:_LONGEST]} ({', '.join(f'{count[label]:,} in {part}' for part, count in counts.items())})"
        for _, label in sorted(sparse)[:_SHOWN]
    ]
    more = f"; and {len(sparse) - _SHOWN:,} more" if len(sparse) > _SHOWN else ""
    return (
        f"Classes with few examples: {'; '.join(shown)}{more}. The classifier can't learn a class that is missing from "
        "train, class shares can't be corrected for one that is missing from select, and one with fewer than "
        f"{_FEWEST} examples has no distance of its own. Bring more examples of them, or join classes."
    )
