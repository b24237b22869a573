import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.study import Study

from tuning.lease import BEAT, FREE, Lease

SECONDS = 0.5


@pytest.fixture
def study(tmp_path: Path) -> Study:
    study = optuna.create_study(study_name="lds", storage=f"sqlite:///{tmp_path / 'tuning.db'}")
    study.set_user_attr(BEAT, FREE)
    return study


@pytest.fixture
def lease_of(study: Study, said: list[str], tmp_path: Path) -> Callable[[str], Lease]:
    return lambda holder: Lease(study, f"sqlite:///{tmp_path / 'tuning.db'}", holder, said.append, seconds=SECONDS)


def test_the_lead_is_had_by_one_while_it_is_kept_and_by_the_next_afterwards(lease_of: Callable[[str], Lease]) -> None:
    first, second = lease_of("first"), lease_of("second")
    assert first.take()
    with first.kept():
        assert not second.take()
    began = time.monotonic()
    assert second.take()
    assert time.monotonic() - began < 6 * SECONDS


def test_a_leader_that_is_gone_without_a_word_is_followed(lease_of: Callable[[str], Lease], said: list[str]) -> None:
    assert lease_of("lost").take()
    assert lease_of("next").take()
    assert any("run lost, which leads this study, is alive" in line for line in said)


def test_of_many_who_take_it_at_once_one_has_it(lease_of: Callable[[str], Lease]) -> None:
    taken: list[bool] = []

    def take(lease: Lease) -> None:
        taken.append(lease.take())
        if taken[-1]:
            with lease.kept():
                while len(taken) < 6:
                    time.sleep(SECONDS)

    threads = [threading.Thread(target=take, args=[lease_of(f"{i}")]) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 5 + [True]


def test_who_lost_the_lead_while_it_slept_ends(
    lease_of: Callable[[str], Lease], said: list[str], study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []
    monkeypatch.setattr("tuning.lease.os.kill", lambda process, number: signals.append(number))
    slow = lease_of("slow")
    assert slow.take()
    with slow.kept():
        study.set_user_attr(BEAT, "faster 7")
        time.sleep(5 * SECONDS)
    assert signals == [signal.SIGTERM]
    assert any("another command has taken the lead" in line for line in said)
    assert study.user_attrs[BEAT] == "faster 7"


def test_a_lead_whose_storage_is_gone_ends_without_an_error_of_its_own(
    lease_of: Callable[[str], Lease], tmp_path: Path
) -> None:
    lease = lease_of("first")
    assert lease.take()
    with lease.kept():
        (tmp_path / "tuning.db").unlink()
