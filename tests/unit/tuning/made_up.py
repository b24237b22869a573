"""A bench whose figures are a function of the parameters: what is tested is the study, not the training."""

import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from optuna.study import Study

from lds_mlflow.tracking import Tracker
from lds_mlflow.values import ModelWeights
from tuning import retries
from tuning.bench import PARTS, Costs, Figures, SeedOutcome
from tuning.config import TuneConfig
from tuning.space import Value, read_space
from tuning.study import open_study
from tuning.work import Worker


@dataclass
class MadeUpBench:
    seconds: float = 0.0
    error: Exception | None = None
    fid: Callable[[Mapping[str, Value], int], float] = lambda values, seed: (
        10 + abs(float(values.get("sigma_multiplier", 4.0)) - 1) + seed
    )
    ratio: float = 1.2
    tail_share: float = 0.0
    calls: int = 0

    def try_out(
        self, values: Mapping[str, Value], seed: int, costs: Costs, on_the_way: Callable[[int, Figures], None] | None
    ) -> SeedOutcome:
        self.calls += 1
        if self.error is not None:
            raise self.error
        time.sleep(self.seconds * random.random())
        found = {
            "fid": self.fid(values, seed),
            "coverage": 0.5,
            "nearest_ratio": self.ratio,
            "tail_share": self.tail_share,
        }
        if on_the_way is not None:
            for part in range(1, PARTS):
                on_the_way(part, {**found, "fid": found["fid"] + 1 - part / PARTS})
        samples = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
        return SeedOutcome(found, samples, ModelWeights({"latent_dim": 1}, {}), 0)


def open_made_up(config: TuneConfig, tracker: Tracker, *, same: str = "made up", worker: int = 0) -> Study:
    return open_study(
        config,
        read_space(config.space, config.ranges),
        {"code": same},
        lambda: tracker.begin("study", parent=None, values={}).id,
        tracker.kill,
        worker=worker,
        heartbeat_seconds=1,
    )


def main() -> None:
    """A worker in a process of its own: STORAGE TRIALS."""
    # After so many seconds, and not after a minute, a trial without a run is taken for one whose worker was killed.
    vars(retries)["_SECONDS_TO_BEGIN"] = 10.0
    config = TuneConfig(storage=sys.argv[1], trials=int(sys.argv[2]), seeds=2)
    tracker = Tracker.connect()
    study = open_made_up(config, tracker)
    bench = MadeUpBench(seconds=0.4)
    Worker(study, space=read_space(config.space), config=config, bench=bench, tracker=tracker, say=print).work()


if __name__ == "__main__":
    main()
