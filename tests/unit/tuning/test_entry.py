from lds_mlflow.config import Options
from lds_mlflow.entry.points import ENTRY_POINTS
from tuning.config import TuneConfig
from tuning.entry import TUNE


def test_a_search_takes_what_finetuning_with_registering_takes_and_its_own() -> None:
    assert set(TUNE.configs) == {*ENTRY_POINTS["finetune"].configs, TuneConfig}
    assert (TUNE.configs[0], TUNE.configs[-1]) == (Options, TuneConfig)


def test_a_search_gives_its_own_seeds_and_judges_by_as_many_samples_as_there_are() -> None:
    taken = set(TUNE.parameters)
    assert not {"train_seed", "augment_seed", "finetune_seed", "sample_seed", "part", "samples"} & taken
    assert {"tune_seed", "seeds", "fresh_seeds", "split_seed", "classifier_seed"} <= taken


def test_its_own_parameters_come_first() -> None:
    assert list(TUNE.parameters)[: len(TuneConfig.model_fields)] == list(TuneConfig.model_fields)


def test_no_other_entry_point_has_its_name() -> None:
    assert TUNE.name not in ENTRY_POINTS
