"""The runs of one training seed: its baseline, and the runs that continue from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lds_mlflow.config import NO_RUN
from lds_mlflow.pipeline.calibration_runs import takes_classifier
from lds_mlflow.pipeline.evaluation_runs import evaluate_model
from lds_mlflow.pipeline.request import Runs
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.tracking import FinishedRun

__all__ = ["SeedRuns", "first_sample_of", "shared_runs"]

_SAMPLES_OF_A_SEED = 2**20


def shared_runs(runner: Runner, known: Runs, parent: str) -> dict[str, FinishedRun]:
    """Returns the runs that all seeds have in common: data, and the classifier where samples are judged by it."""
    found = {"data": known.get("data") or runner.resolve("data", known, parent=parent)}
    if takes_classifier(runner, found["data"]):
        found["classifier"] = known.get("classifier") or runner.resolve("classifier", found, parent=parent)
    return found


def first_sample_of(seed: int) -> int:
    """Returns the seed of the first sample that models of a training seed are judged by."""
    return seed * _SAMPLES_OF_A_SEED


@dataclass(frozen=True, slots=True)
class SeedRuns:
    """Finds or makes the runs of one seed.

    Attributes:
        runner: What finds or makes one.
        shared: The runs that all seeds have in common.
        seed: Of training, augmentation, finetuning and samples.
        parent: Id of the run to nest new ones under.
    """

    runner: Runner
    shared: Runs
    seed: int
    parent: str

    def baseline(self) -> dict[str, FinishedRun]:
        """Returns the baseline and its latents, with what all seeds share; that may be the baseline too."""
        known, label = dict(self.shared), f"seed {self.seed}"
        if "train" not in known:
            known["train"] = self.resolve("train", known, label, train_seed=self.seed)
        known["encode"] = self.resolve("encode", known, label)
        return known

    def resolve(self, step: str, known: Runs, label: str, **changes: Any) -> FinishedRun:
        """Returns the run of a step, with changes to the command's configuration."""
        return self.runner.resolve(step, known, parent=self.parent, label=label, changes=changes)

    def augment(self, known: Runs, label: str, changes: Mapping[str, Any]) -> FinishedRun:
        """Returns the run of an A."""
        return self.resolve("augment", known, label, augment_seed=self.seed, **changes)

    def finetune(self, known: Runs, label: str, changes: Mapping[str, Any]) -> FinishedRun:
        """Returns the run of a finetuned model, without A where there is none among the known runs."""
        without = {} if "augment" in known else {"augment_run": NO_RUN}
        return self.resolve("finetune", known, label, finetune_seed=self.seed, **{**changes, **without})

    def evaluate(self, label: str, model: FinishedRun, part: str, **changes: Any) -> FinishedRun:
        """Returns the run of a model's evaluation."""
        changes |= {"part": part, "sample_seed": first_sample_of(self.seed)}
        return evaluate_model(self.runner, f"{label} {part}", model, self.shared, self.parent, **changes)
