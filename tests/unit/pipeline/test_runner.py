import pytest

from lds_mlflow.config import CompareConfig, EncodeConfig, FinetuneConfig, TrainConfig
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.errors import ConfigError
from tests.conftest import MakePipeline


def test_a_configuration_has_its_own_type_and_the_changes(make_pipeline: MakePipeline) -> None:
    runner = make_pipeline("train").runner
    config = runner.config(TrainConfig, {"train_seed": 3})
    assert (type(config), config.train_seed, config.train_steps) == (TrainConfig, 3, 8)
    assert runner.configs[TrainConfig].train_seed == 0


def test_a_change_of_no_parameter_of_the_step_is_refused(make_pipeline: MakePipeline) -> None:
    with pytest.raises(ConfigError, match="there is no parameter trian_seed; the nearest is train_seed"):
        make_pipeline("train").runner.config(TrainConfig, {"trian_seed": 3})


def test_a_configuration_that_the_command_does_not_have_is_an_error(make_pipeline: MakePipeline) -> None:
    with pytest.raises(KeyError, match="FinetuneConfig"):
        make_pipeline("train").runner.config(FinetuneConfig, {})


def test_the_inputs_of_a_step_are_what_it_reads_and_all_that_this_was_made_from(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline("encode")
    train = pipeline.run("train")
    found = pipeline.runner.inputs(EncodeConfig(train_run=train.id), {}, parent=train.id)
    assert {name: run.step for name, run in found.items()} == {"data": "data", "train": "train"}
    assert found["train"].id == train.id


def test_a_finetuned_model_that_another_begins_with_stands_for_the_baseline(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline("finetune", registered_model="none", augment_run="none")
    model = pipeline.run("finetune")
    found = pipeline.runner.inputs(EncodeConfig(train_run=model.id), {}, parent=model.id)
    assert {name: run.step for name, run in found.items()} == {"data": "data", "train": "finetune"}


def test_a_run_of_another_step_is_refused_with_the_steps_that_will_do(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline("encode")
    data = pipeline.run("data")
    (needed,) = STEPS["encode"].inputs
    with pytest.raises(ConfigError, match="a run of data; expected a run of train or finetune"):
        pipeline.runner.open(needed, data.id)


def test_compare_with_auto_makes_its_models_where_nothing_is_to_be_registered(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline("compare")
    assert pipeline.runner.configs[CompareConfig].runs == "auto"
    assert set(pipeline.run("compare").inputs) == {"baseline", "control", "finetuned"}
