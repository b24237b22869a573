import optuna
from optuna.trial import create_trial

from tuning.confirm import leaders
from tuning.space import read_space
from tuning.study import finished


def _add(study: optuna.Study, values: list[float], ratio: float, tail: float = 0.0, **params: object) -> None:
    by_name = {one.name: one.distribution for one in read_space("sampling").parameters}
    study.add_trial(
        create_trial(
            values=values,
            params=params,
            distributions={name: by_name[name] for name in params},
            user_attrs={"beyond_limits": {"nearest_ratio": 1 - ratio, "tail_share": tail - 0.02}},
        )
    )


def test_leaders_are_the_best_that_do_not_copy_each_once() -> None:
    study = optuna.create_study(direction="minimize")
    _add(study, [1.0], 0.8, sampler="interpolants")
    _add(study, [3.0], 1.1, sampler="density")
    _add(study, [2.0], 1.0, sampler="mixture")
    _add(study, [2.0], 1.0, sampler="mixture")
    _add(study, [0.5], 1.3, 0.03, sampler="density")
    _add(study, [9.0], 1.3, sampler="prior")
    assert [trial.value for trial in leaders(study, 2)] == [2.0, 3.0]
    assert [trial.value for trial in leaders(study, 9)] == [2.0, 3.0, 9.0]
    assert finished(study)


def test_of_several_objectives_the_front_leads() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    _add(study, [1.0, 0.2], 1.1, sampler="density")
    _add(study, [2.0, 0.9], 1.1, sampler="mixture")
    _add(study, [3.0, 0.1], 1.1, sampler="prior")
    assert [trial.values for trial in leaders(study, 9)] == [[1.0, 0.2], [2.0, 0.9]]
