"""The evaluations of all arms over seeds, and what they say of each arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from lds_mlflow.choices.figures import FIGURES, MARGIN
from lds_mlflow.choices.sources import INTERPOLANTS
from lds_mlflow.config.arms import ARMS, BASELINE, CONTROL
from lds_mlflow.metrics import (
    BETTER,
    Comparison,
    MeanOverSeeds,
    compare_over_seeds,
    mean_over_seeds,
    preferred_over_seeds,
)
from lds_mlflow.metrics.evaluation import DISTANCE_TO_HELD_OUT
from lds_mlflow.recipes.convergence import NOT_CONVERGED, gain_in_words, has_converged
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.values import Evaluation

__all__ = ["AblationResults", "read_results"]

_CLASS_SHARES = "class_shares.csv"
_WOMEN = ("female", "woman", "women")
_GENERATION = "generation "

Evaluations = dict[str, tuple[Evaluation, ...]]


@dataclass(frozen=True)
class AblationResults:
    """The evaluations of all arms over seeds.

    Attributes:
        seeds: How many seeds there are.
        select: Evaluations by the part select, one for each seed, by arm.
        test: Evaluations by the part test, one for each seed, by arm.
        left_out: Arms that were asked for and have no evaluations.
        augmentations: The runs that made A, one for each seed, by arm.
        women_of_A: Share of women in A by the class of the nearer parent, one for each seed, by arm of interpolants.
        correlations: Rank correlation of log LDS with the distance to the held-out examples over the baseline's
            samples, one for each seed.
        generations: Evaluations by the part test of each generation of finetuning on a model's own samples, from 1 on.
        margin: The difference that matters, as a share of a figure.
        unconverged: The seeds whose baseline was not seen to gain nothing by more steps before its training ended.
    """

    seeds: int
    select: Evaluations
    test: Evaluations
    left_out: tuple[str, ...]
    augmentations: dict[str, tuple[FinishedRun, ...]]
    women_of_A: dict[str, tuple[float, ...]]
    correlations: tuple[float, ...]
    generations: tuple[tuple[Evaluation, ...], ...] = ()
    margin: float = MARGIN
    unconverged: tuple[int, ...] = ()

    @property
    def first(self) -> Evaluation:
        """The control's evaluation of the first seed, for what all evaluations have in common."""
        return self.test[CONTROL][0]

    @cached_property
    def figures_of_kind(self) -> tuple[str, ...]:
        """The figures that only this kind of examples has, where they were measured; none of images."""
        return tuple(
            name for name, figure in FIGURES.items() if figure.family == "domain" and name in self.first.metrics
        )

    @cached_property
    def against_control(self) -> dict[tuple[str, str], Comparison]:
        """Every other arm compared with the control by the part test, by arm and figure."""
        return {(row.model, row.name): row for row in compare_over_seeds(self.test, CONTROL, margin=self.margin)}

    @cached_property
    def chosen(self) -> str:
        """The arm that the part select prefers; never the oracle, which has more real data."""
        return preferred_over_seeds(
            {arm: seeds for arm, seeds in self.select.items() if ARMS[arm].needs != "reserve"}, CONTROL
        )

    def compared(self, arm: str, reference: str) -> dict[str, Comparison]:
        """Returns one arm compared with another by the part test, by figure; p is not corrected for other arms."""
        pair = {reference: self.test[reference], arm: self.test[arm]}
        return {row.name: row for row in compare_over_seeds(pair, reference, margin=self.margin)}

    @cached_property
    def convergence(self) -> str:
        """Why the baseline had not converged, in words; "" where nothing shows that it had not."""
        if self.unconverged:
            return (
                f"{NOT_CONVERGED}: in {len(self.unconverged)} of {self.seeds} seeds its training ended before it was "
                "seen that more steps gain nothing."
            )
        if BASELINE not in self.test:
            return ""
        fid = self.compared(CONTROL, BASELINE)["fid"]
        return gain_in_words(fid.difference) if fid.verdict == BETTER else ""

    def mean(self, arm: str, name: str) -> MeanOverSeeds | None:
        """Returns an arm's mean of a figure by the part test, or None where it wasn't measured for every seed."""
        if any(name not in found.metrics for found in self.test[arm]):
            return None
        return mean_over_seeds(self.test[arm], name)

    @property
    def share_of_women(self) -> str | None:
        """The name of the corrected share of women among the samples, where that is a class."""
        names = [name for name in self.test[BASELINE][0].metrics if name.startswith("train_class_share/")]
        women = [name for name in names if _is_women(name.split("/", 1)[1])]
        return women[0].replace("train_class_share/", "class_share_corrected/") if women else None


def read_results(
    inputs: Mapping[str, FinishedRun], wanted: Sequence[str], seeds: int, margin: float
) -> AblationResults:
    """Reads the runs of an ablation.

    Args:
        inputs: The runs, by the names ARM-SEED-PART and ARM-SEED-augment.
        wanted: The arms that were asked for.
        seeds: How many seeds there are.
        margin: The difference that matters, as a share of a figure.
    """
    by_part: dict[str, Evaluations] = {
        part: {
            arm: tuple(inputs[f"{arm}-{seed}-{part}"].load(Evaluation, f"evaluation_{part}") for seed in range(seeds))
            for arm in wanted
            if all(f"{arm}-{seed}-{part}" in inputs for seed in range(seeds))
        }
        for part in ("select", "test")
    }
    augmentations = {
        arm: tuple(inputs[f"{arm}-{seed}-augment"] for seed in range(seeds))
        for arm in by_part["test"]
        if ARMS[arm].augment is not None
    }
    women = {arm: tuple(share for run in runs for share in _women_of(run)) for arm, runs in augmentations.items()}
    last = max((int(name.split("-")[0].removeprefix(_GENERATION)) for name in inputs if _GENERATION in name), default=0)
    return AblationResults(
        seeds=seeds,
        select=by_part["select"],
        test=by_part["test"],
        left_out=tuple(arm for arm in wanted if arm not in by_part["test"]),
        augmentations=augmentations,
        women_of_A={arm: shares for arm, shares in women.items() if len(shares) == seeds},
        correlations=tuple(
            value
            for seed in range(seeds)
            for name, value in inputs[f"{BASELINE}-{seed}-test"].figures.items()
            if name == f"{DISTANCE_TO_HELD_OUT}_by_lds"
        ),
        generations=tuple(
            tuple(
                inputs[f"{_GENERATION}{generation}-{seed}-test"].load(Evaluation, "evaluation_test")
                for seed in range(seeds)
            )
            for generation in range(1, last + 1)
        ),
        margin=margin,
        unconverged=tuple(seed for seed in range(seeds) if has_converged(inputs[f"{BASELINE}-{seed}-test"]) is False),
    )


def _women_of(augment: FinishedRun) -> list[float]:
    if augment.params["source"] != INTERPOLANTS:
        return []
    with augment.folder("") as folder:
        path = folder / _CLASS_SHARES
        table = pd.read_csv(path) if path.is_file() else pd.DataFrame({"class": [], "share_of_A": []})
    return [float(share) for name, share in zip(table["class"], table["share_of_A"], strict=True) if _is_women(name)]


def _is_women(name: object) -> bool:
    return str(name).lower() in _WOMEN
