"""Arms whose figures are known, so that what is said of them can be checked."""

from dataclasses import replace
from typing import Any

import torch

from lds_mlflow.reporting.ablation import AblationResults
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation

WOBBLE = (0.0, 0.01, -0.01, 0.005, -0.005)
QUIET = torch.zeros(4, dtype=torch.float64)
FIGURES = ("fid", "density", "coverage", "class_share_gap_corrected")


def arm(fid: float, *, coverage: float = 0.8, density: float = 1.0, women: float = 0.5, part: str = "test") -> Any:
    """Evaluations of five seeds."""

    def of_seed(wobble: float) -> Evaluation:
        figures = {
            "fid": fid + wobble,
            "fid_infinity": fid - 0.1 + wobble,
            "density": density + wobble,
            "coverage": coverage + wobble,
            "class_share_gap_corrected": 0.1,
            "nearest_ratio": 1.2,
            "tail_share": 0.005,
            "vendi": 5.0,
        }
        shares = {"class_share_corrected/Female": women + wobble, "train_class_share/Female": 0.5}
        floors = {f"floor_{name}": 0.1 for name in ("fid", "density", "coverage", "class_share_gap")}
        return an_evaluation(
            part=part,
            metrics=figures | shares | floors,
            intervals={"class_share_corrected/Female": (women - 0.01, women + 0.01)},
            by_real=dict.fromkeys(FIGURES, QUIET),
            by_sample=dict.fromkeys(FIGURES, QUIET),
        )

    return tuple(of_seed(wobble) for wobble in WOBBLE)


def shuffled(evaluations: Any) -> Any:
    """The same in another order, so that differences of pairs wobble too."""
    return (*evaluations[2:], *evaluations[:2])


def ablation_results(**changes: Any) -> AblationResults:
    """The baseline, the control, the draft's arm (worse), LDS + sharpness, and sampling from the density (better)."""
    values = {
        "baseline": (5.0, {}),
        "control": (4.0, {}),
        "lds": (4.5, {"coverage": 0.7, "density": 1.2}),
        "lds-sharpness": (4.8, {"women": 0.9, "coverage": 0.6}),
        "sample-density": (2.0, {"coverage": 0.85}),
    }

    def both(part: str) -> dict[str, Any]:
        found = {name: arm(fid, part=part, **more) for name, (fid, more) in values.items()}
        return {name: shuffled(seeds) if name == "control" else seeds for name, seeds in found.items()}

    fields: dict[str, Any] = {
        "seeds": 5,
        "select": both("select"),
        "test": both("test"),
        "left_out": ("oracle",),
        "augmentations": {},
        "women_of_A": {"lds": (0.5, 0.52, 0.48, 0.5, 0.5)},
        "correlations": (-0.3, -0.31, -0.29, -0.3, -0.32),
    }
    return AblationResults(**fields | changes)


def of_sound(results: AblationResults, fad: dict[str, float]) -> AblationResults:
    """The same arms with a distance that only sound has, and a figure by which nothing is compared."""

    def heard(found: Evaluation, distance: float, wobble: float) -> Evaluation:
        figures = {"fad": distance + wobble, "class_accuracy": 0.9, "floor_fad": 0.03}
        quiet = {"fad": QUIET}
        return replace(
            found,
            metrics=found.metrics | figures,
            by_real={**found.by_real, **quiet},
            by_sample={**found.by_sample, **quiet},
        )

    test = {
        name: tuple(heard(found, fad[name], wobble) for found, wobble in zip(seeds, _wobbles(name), strict=True))
        for name, seeds in results.test.items()
        if name in fad
    }
    return replace(results, test=test)


def _wobbles(name: str) -> tuple[float, ...]:
    return shuffled(WOBBLE) if name == "control" else WOBBLE
