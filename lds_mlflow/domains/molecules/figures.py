"""Figures of molecules: those of MOSES, beside a control that fools naive ones.

Polykarpovskiy et al., Molecular Sets (MOSES): A Benchmarking Platform for Molecular Generation Models, 2020, section 4.
What is no molecule counts: against validity, and in distances as one unknown atom. So all sets are of equal size, as a
Frechet distance needs it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import pandas as pd
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.domains.domain import Instruments
from lds_mlflow.domains.molecules.chemnet import ChemNetExtractor
from lds_mlflow.domains.molecules.controls import with_a_carbon
from lds_mlflow.domains.molecules.fingerprints import fingerprints, mean_similarity, nearest
from lds_mlflow.domains.molecules.properties import PROPERTIES, properties_of, scaffold_of
from lds_mlflow.domains.molecules.smiles import smiles_of
from lds_mlflow.metrics import FurtherFigures, RealExamples
from lds_mlflow.metrics.estimates import Estimate, mean_estimate
from lds_mlflow.metrics.frechet import frechet_estimate
from lds_mlflow.values import evenly_spread

__all__ = ["further_figures"]

_SETS = 8
_AT = (100, 1_000, 10_000)
_CLEARLY = 0.1
"""Of similarity: chance gives less where there are some dozens of molecules or more."""


class _Real(NamedTuple):
    """What molecules are measured against, as canonical SMILES."""

    held_out: tuple[str, ...]
    train: tuple[str, ...]
    device: str


class _Measured(NamedTuple):
    """Figures of some molecules.

    Attributes:
        estimates: Those with influences, by name.
        values: Others.
        nearer_S: How much more similar each is to its nearest training molecule than to its nearest held-out one, of as
            many of both.
    """

    estimates: dict[str, Estimate]
    values: dict[str, float]
    nearer_S: Tensor

    @property
    def all(self) -> dict[str, float]:
        """All figures by name."""
        return {name: estimate.value for name, estimate in self.estimates.items()} | self.values


def further_figures(samples_S: Tensor, real: RealExamples, by: Instruments) -> FurtherFigures:
    """Measures samples, [S, L], against as many held-out molecules; see DOMAIN_FIGURES."""
    train = tuple(smiles_of(real.train.examples_N))
    against = _Real(tuple(smiles_of(real.held_out.examples_N)), train, by.device)
    n, unseen = len(samples_S), real.held_out if real.further is None else real.further
    samples = _measure(tuple(smiles_of(samples_S)), against)
    alike = _measure(tuple(smiles_of(real.train.spread(n).examples_N)), against)
    control = _measure(_control(train, n), against)
    of_unseen = _measure(tuple(smiles_of(unseen.spread(n).examples_N)), against).all
    floor = alike.all | {name: of_unseen[name] for name in ("novelty", "snn_train")}
    return FurtherFigures(
        estimates=samples.estimates,
        values=samples.values,
        floor=floor,
        tables={
            "Molecules, beside a control that fools naive figures: AddCarbon, training molecules with a carbon "
            "atom more.": _table(samples.all, control.all, floor),
            "Uniqueness: the share of the first k valid samples that are different.": _uniqueness_table(samples_S),
        },
        notes=(_control_note(control), _copies_note(samples)),
    )


def _measure(smiles: tuple[str, ...], real: _Real) -> _Measured:
    valid = [text for text in smiles if text]
    bits_SF, n_real = fingerprints(smiles), len(real.held_out)
    of_train_TF = _bits(real.train)
    some_NF = of_train_TF[evenly_spread(len(of_train_TF), n_real)]
    to_train_S, to_some_S = (nearest(bits_SF, bits).similarity_N.double() for bits in (of_train_TF, some_NF))
    to_held_out_S = nearest(bits_SF, _bits(real.held_out)).similarity_N.double()
    known = frozenset(real.train)
    different = set(valid)
    activations = {text: _activations(text, real.device) for text in (real.held_out, smiles)}
    return _Measured(
        estimates={
            "fcd": frechet_estimate(activations[real.held_out], activations[smiles]),
            "validity": mean_estimate(_shares(smiles, bool), n_real),
            "snn": mean_estimate(to_held_out_S, n_real),
            "snn_train": mean_estimate(to_train_S, n_real),
        },
        values={
            "uniqueness": len(different) / max(len(valid), 1),
            "novelty": len(different - known) / max(len(different), 1),
            "scaffold_similarity": _cosine(valid, real.held_out),
            "internal_diversity": 1 - mean_similarity(fingerprints(valid)).mean().item() if valid else 0.0,
            **_distances(valid, real.held_out),
        },
        nearer_S=to_some_S - to_held_out_S,
    )


def _shares(smiles: Sequence[str], holds: Callable[[str], bool]) -> Tensor:
    return torch.tensor([holds(text) for text in smiles], dtype=torch.float64)


@lru_cache(maxsize=_SETS)
def _bits(smiles: tuple[str, ...]) -> Tensor:
    return fingerprints(smiles)


@lru_cache(maxsize=_SETS)
def _activations(smiles: tuple[str, ...], device: str) -> Tensor:
    return ChemNetExtractor(device).of_smiles(list(smiles))


@lru_cache(maxsize=_SETS)
def _control(train: tuple[str, ...], n: int) -> tuple[str, ...]:
    return tuple(with_a_carbon([train[row] for row in evenly_spread(len(train), n).tolist()], known=frozenset(train)))


def _cosine(one: Sequence[str], other: Sequence[str]) -> float:
    """Returns the cosine between how often scaffolds occur in two sets."""
    counts = [Counter(filter(None, map(scaffold_of, smiles))) for smiles in (one, other)]
    shared = sum(counts[0][scaffold] * counts[1][scaffold] for scaffold in counts[0].keys() & counts[1].keys())
    norms = [sqrt(sum(count**2 for count in some.values())) for some in counts]
    return shared / (norms[0] * norms[1]) if all(norms) else 0.0


def _distances(one: Sequence[str], other: Sequence[str]) -> dict[str, float]:
    """Returns Wasserstein's distances between the properties of two sets, each in the unit of the property."""
    sets = [[found for found in map(properties_of, smiles) if found] for smiles in (one, other)]
    if not all(sets):
        return {}
    return {
        f"wasserstein_{name}": float(wasserstein_distance(*([getattr(one, name) for one in some] for some in sets)))
        for name in PROPERTIES
    }


def _table(samples: dict[str, float], control: dict[str, float], real: dict[str, float]) -> pd.DataFrame:
    rows = [
        (FIGURES[name].title, *(f"{figures.get(name, float('nan')):.4g}" for figures in (samples, control, real)))
        for name in samples
    ]
    return pd.DataFrame(rows, columns=["figure", "samples", "AddCarbon", "real examples"])


def _uniqueness_table(samples_S: Tensor) -> pd.DataFrame:
    valid = [text for text in smiles_of(samples_S) if text]
    counts = sorted({*(k for k in _AT if k < len(valid)), len(valid)} - {0})
    rows = [(f"{k:,}", f"{len(set(valid[:k])) / k:.4f}") for k in counts]
    return pd.DataFrame(rows, columns=["k", "uniqueness"])


def _control_note(control: _Measured) -> str:
    figures = control.all
    return (
        "AddCarbon is a control: training molecules with a carbon atom more. Its validity is "
        f"{figures['validity']:.3f}, its uniqueness {figures['uniqueness']:.3f}, its novelty "
        f"{figures['novelty']:.3f} and its FCD {figures['fcd']:.3g}, although nothing was learned: these figures alone "
        f"prove nothing. {_verdict(control)}"
    )


def _copies_note(samples: _Measured) -> str:
    return f"The samples: {_verdict(samples)}"


def _verdict(measured: _Measured) -> str:
    nearer = measured.nearer_S.mean().item()
    return (
        f"{'Flagged' if nearer > _CLEARLY else 'Not flagged'} as copies: their similarity to the nearest training "
        f"molecule exceeds that to the nearest held-out molecule, of as many of both, by {nearer:.3f}. Unseen "
        f"molecules have about 0, and what is above {_CLEARLY} is flagged."
    )
