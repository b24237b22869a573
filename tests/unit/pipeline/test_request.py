from pathlib import Path

from lds_mlflow.config import TrainConfig, parse
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.pipeline.request import request
from lds_mlflow.tracking import FinishedRun
from tests.unit.steps.surroundings import GivenRun

DATA: dict[str, FinishedRun] = {"data": GivenRun("data")}


def test_what_is_needed_is_identified_by_its_parameters() -> None:
    first, second = (request(STEPS["train"], parse(TrainConfig, {"train_seed": seed}), DATA) for seed in (0, 1))
    assert first.fingerprint == request(STEPS["train"], TrainConfig(), DATA).fingerprint != second.fingerprint
    assert (first.step.name, first.inputs) == ("train", DATA)


def test_what_is_needed_is_identified_by_the_files_that_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    found = []
    for content in (b"one", b"other"):
        path.write_bytes(content)
        config = parse(TrainConfig, {"perceptual": "squeezenet", "perceptual_weights": str(path)})
        found.append(request(STEPS["train"], config, DATA).fingerprint)
    assert found[0] != found[1]
