from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from optuna.study import Study

from lds_mlflow.tracking import Tracker
from tests.postgres import find_postgres, running_postgres
from tests.unit.tuning.made_up import MadeUpBench, open_made_up
from tuning.config import TuneConfig
from tuning.space import read_space
from tuning.work import Worker

MakeWorker = Callable[..., Worker]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL isn't installed (Debian: apt install postgresql)")
    with running_postgres(programs) as address:
        yield address


@pytest.fixture
def study_config(tmp_path: Path) -> TuneConfig:
    return TuneConfig(storage=f"sqlite:///{tmp_path / 'tuning.db'}", trials=12, seeds=2)


@pytest.fixture
def open_study_of(tracker: Tracker) -> Callable[[TuneConfig], Study]:
    return lambda config: open_made_up(config, tracker)


@pytest.fixture
def make_worker(tracker: Tracker, said: list[str], open_study_of: Callable[[TuneConfig], Study]) -> MakeWorker:
    def make(config: TuneConfig, **bench: Any) -> Worker:
        space = read_space(config.space, config.ranges)
        study = open_study_of(config)
        return Worker(study, space=space, config=config, bench=MadeUpBench(**bench), tracker=tracker, say=said.append)

    return make


@pytest.fixture
def numbered() -> Callable[[], int]:
    numbers = count()
    return lambda: next(numbers)
