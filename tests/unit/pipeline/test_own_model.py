"""A model of the user's own takes the place of a trained one in every command."""

from pathlib import Path

import pytest

from lds_mlflow.errors import ConfigError
from lds_mlflow.tracking import Tracker, tags
from tests.conftest import MakePipeline
from tests.own import exported_pair


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The folder of the model."""
    return str(exported_pair(tmp_path / "generator"))


def _steps(tracker: Tracker) -> set[str]:
    found = tracker.client.search_runs([tracker.experiment_id])
    return {run.data.tags.get(tags.STEP, "") for run in found}


def test_the_whole_pipeline_compares_its_samplers_and_registers_it(
    make_pipeline: MakePipeline, tracker: Tracker, own: str, said: list[str]
) -> None:
    pipeline = make_pipeline("main", model=own)
    pipeline.main()
    assert not _steps(tracker) & {"train", "finetune", "augment"}
    compared = next(
        run for run in tracker.client.search_runs([tracker.experiment_id]) if run.data.tags.get(tags.STEP) == "compare"
    )
    assert set(tracker.open(compared.info.run_id).inputs) >= {"prior", "gaussian", "density"}
    registered = tracker.results.upstream(tracker.open(compared.info.run_id), "density")
    assert tracker.open(registered.inputs["model"]).step == "open"
    version = tracker.registry.get("digits", "1")
    assert version is not None
    # The registered model is exported again, and given by its run's address.
    opened = registered.inputs["model"]
    exported = make_pipeline("export", model_run=opened, folder=f"{own}-again").run("export")
    again = make_pipeline("open", model=f"runs:/{exported.id}/generator").run("open")
    assert again.digest == tracker.open(opened).digest
    assert (Path(f"{own}-again") / "generator.json").is_file()
    assert any("reconstruction        MSE 0.0000, 100% of the variance" in line for line in said)


def test_a_dry_run_shows_what_is_found_alone(
    make_pipeline: MakePipeline, tracker: Tracker, own: str, said: list[str]
) -> None:
    for command in ("main", "open"):
        run = make_pipeline(command, model=own, dry_run=True).dry_run()
        assert tracker.open(run.id).sentence.startswith("somebody's (licence MIT)")
    assert _steps(tracker) == {"data", "dry run"}
    assert any("rows at once" in line for line in said)


@pytest.mark.parametrize("command", ["finetune", "train"])
def test_what_trains_refuses_it_in_a_sentence(make_pipeline: MakePipeline, own: str, command: str) -> None:
    with pytest.raises(ConfigError, match="a model that can encode and decode, for the step"):
        make_pipeline("finetune", model=own).run(command)


def test_a_run_that_has_opened_one_is_not_finetuned(make_pipeline: MakePipeline, own: str) -> None:
    opened = make_pipeline("open", model=own).run("open")
    with pytest.raises(ConfigError, match="a run of train or finetune"):
        make_pipeline("finetune", train_run=opened.id).run("finetune")


def test_an_ablation_has_the_arms_that_remain(make_pipeline: MakePipeline, own: str, said: list[str]) -> None:
    settings = {"seeds": 2, "workers": 1, "arms": "lds,decoder"}
    ablated = make_pipeline("ablate", model=own, **settings).run("ablate")
    assert any("this model can't be trained" in line for line in said)
    evaluated = {name.rsplit("-", 2)[0] for name in ablated.inputs if name.endswith("-test")}
    assert evaluated == {"baseline", "control"}


def test_files_of_the_user_s_are_not_written_over(make_pipeline: MakePipeline, own: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("notes.txt", "generator.json"):
        (mine / name).write_text("mine")
        with pytest.raises(ConfigError, match=f"has {name}; .* or remove these files"):
            make_pipeline("export", model=own, folder=str(mine)).run("export")
        assert [path.read_text() for path in mine.iterdir()] == ["mine"]
        (mine / name).unlink()
    for _ in range(2):
        make_pipeline("export", model=own, folder=str(mine)).run("export")
    assert (mine / "encoder.pt2").read_bytes() == (Path(own) / "encoder.pt2").read_bytes()


def test_it_makes_an_augmentation_set(make_pipeline: MakePipeline, own: str) -> None:
    made = make_pipeline("augment", model=own).run("augment")
    assert made.metrics["images_of_A"] > 0
