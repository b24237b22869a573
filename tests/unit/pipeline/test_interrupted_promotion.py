"""Promotions and rollbacks that are killed at every call to the store, and the same command after that."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE, PERMISSION_DENIED

from lds_mlflow.config import PromoteConfig
from lds_mlflow.errors import TrackingError
from lds_mlflow.metrics import Decision, Limit
from lds_mlflow.pipeline.promotion import promote, promote_if_new
from lds_mlflow.tracking import CHAMPION, NEWEST, tags
from lds_mlflow.tracking.registry import Registry

NAME = "digits"


class KilledError(BaseException):
    """The process ends here, and nothing after it is done."""


@dataclass
class Store:
    """A registry in memory, which can be told to end the process at one of the calls, or to refuse them."""

    aliases: dict[str, str]
    tags: dict[str, dict[str, str]]
    descriptions: dict[str, str] = field(default_factory=dict)
    calls_left: float = float("inf")
    refuses: dict[str, int] = field(default_factory=dict)
    n_calls: int = 0

    def _called(self, method: str) -> None:
        if self.calls_left <= 0:
            raise KilledError
        self.calls_left -= 1
        self.n_calls += 1
        if method in self.refuses:
            raise MlflowException("no answer", error_code=self.refuses[method])

    def _version(self, number: str) -> SimpleNamespace:
        return SimpleNamespace(
            name=NAME,
            version=number,
            run_id=f"run{number}",
            description=self.descriptions.get(number),
            tags=self.tags[number],
        )

    def get_model_version(self, name: str, version: str) -> SimpleNamespace:
        self._called("get_model_version")
        return self._version(version)

    def get_model_version_by_alias(self, name: str, alias: str) -> SimpleNamespace:
        self._called("get_model_version_by_alias")
        if alias not in self.aliases:
            raise MlflowException(f"alias {alias} not found", error_code=INVALID_PARAMETER_VALUE)
        return self._version(self.aliases[alias])

    def get_registered_model(self, name: str) -> SimpleNamespace:
        self._called("get_registered_model")
        return SimpleNamespace(aliases=dict(self.aliases))

    def search_model_versions(self, condition: str) -> list[SimpleNamespace]:
        self._called("search_model_versions")
        return [self._version(number) for number in self.tags]

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self._called("set_registered_model_alias")
        self.aliases[alias] = version

    def update_model_version(self, name: str, version: str, description: str) -> None:
        self._called("update_model_version")
        self.descriptions[version] = description

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        self._called("set_model_version_tag")
        self.tags[version][key] = value

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        self._called("delete_model_version_tag")
        self.tags[version].pop(key, None)

    @property
    def state(self) -> tuple[object, ...]:
        return self.aliases, self.tags, self.descriptions


class Record:
    """A run that keeps nothing."""

    id = "promotion"

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **named: None


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether a candidate is better than the champion, by both numbers; the gate has tests of its own."""
    found = {"1 none": True, "2 1": True, "2 none": True, "3 1": False, "3 2": False}

    def judge(runner: Any, config: Any, candidate: Any, champion: Any, run: Any) -> tuple[Decision, dict[str, Any]]:
        promotes = found[f"{candidate.number} {champion.number if champion else 'none'}"]
        return Decision((Limit("fid", promotes, "FID"),), ()), {}

    monkeypatch.setattr("lds_mlflow.pipeline.promotion._judge", judge)
    return found


@pytest.fixture
def command(tmp_path: Path, said: list[str], verdicts: dict[str, bool]) -> Callable[..., None]:
    """Runs the command `promote` against a store, or what other commands end with."""

    def run(store: Store, *, ends_a_command: bool = False, **settings: Any) -> None:
        client: Any = store
        tracker = SimpleNamespace(
            registry=Registry(client), tracking_uri="sqlite:", begin=lambda *args, **named: Record()
        )
        options, configs = (
            SimpleNamespace(work_dir=tmp_path),
            {PromoteConfig: PromoteConfig(registered_model=NAME, **settings)},
        )
        named: dict[str, Any] = {"tracker": tracker, "options": options, "configs": configs, "registered": ""}
        runner: Any = SimpleNamespace(**named, say=said.append)
        record: Any = Record()
        if ends_a_command:
            promote_if_new(runner, "parent")
        else:
            promote(runner, record)

    return run


def _store(champion: str | None = "1", **more: str) -> Store:
    aliases = {NEWEST: "2"} | ({CHAMPION: champion} if champion else {})
    first = {tags.REPLACED: "none", tags.DECISION: "became the champion as the first champion: FID"}
    return Store(aliases, {"1": dict(first), "2": dict(more), "3": {}})


def _killed(start: Store, act: Callable[[Store], None]) -> Iterator[Store]:
    """Gives what is in the store if the process is killed at its first call, its second, and so on."""
    whole = deepcopy(start)
    act(whole)
    needed = whole.n_calls - start.n_calls
    assert needed > 5
    for n_calls in range(needed + 1):
        store = deepcopy(start)
        store.calls_left = n_calls
        if n_calls < needed:
            with pytest.raises(KilledError):
                act(store)
        else:
            act(store)
        store.calls_left = float("inf")
        yield store


@pytest.mark.parametrize("champion", ["1", None])
def test_the_same_command_completes_a_promotion_wherever_it_was_killed(
    command: Callable[..., None], champion: str | None
) -> None:
    whole = _store(champion)
    command(whole)
    assert whole.aliases[CHAMPION] == "2"
    for store in _killed(_store(champion), command):
        command(store)
        assert store.state == whole.state


@pytest.mark.parametrize("champion", ["1", None])
def test_what_ends_another_command_completes_a_promotion_too(
    command: Callable[..., None], champion: str | None
) -> None:
    whole = _store(champion)
    command(whole)
    for store in _killed(_store(champion), command):
        command(store, ends_a_command=True)
        assert store.state == whole.state


def test_a_champion_is_never_without_its_decision_and_a_rollback_always_knows_the_one_before(
    command: Callable[..., None],
) -> None:
    for store in _killed(_store(), command):
        crowned = store.aliases[CHAMPION] == "2"
        if crowned:
            assert store.tags["2"][tags.DECISION].startswith("became the champion in place of version 1")
            command(store, rollback=True)
            assert store.aliases[CHAMPION] == "1"
        else:
            with pytest.raises(TrackingError, match="the champion before version 1"):
                command(store, rollback=True)


def test_the_same_command_completes_a_rollback_and_goes_no_further_back(command: Callable[..., None]) -> None:
    start = _store()
    command(start)
    # There is one more before it, to which an interrupted rollback must not go on.
    start.tags["1"][tags.REPLACED] = "3"

    def roll_back(store: Store) -> None:
        command(store, rollback=True)

    whole = deepcopy(start)
    roll_back(whole)
    *interrupted, ended = _killed(start, roll_back)
    for store in interrupted:
        roll_back(store)
        assert store.state == whole.state
    roll_back(ended)
    assert ended.aliases[CHAMPION] == "3"


def test_what_was_rolled_back_by_an_interrupted_command_does_not_come_back_by_itself(
    command: Callable[..., None],
) -> None:
    start = _store()
    command(start)
    for store in _killed(start, lambda store: command(store, rollback=True)):
        before = store.aliases[CHAMPION]
        command(store, ends_a_command=True)
        assert store.aliases[CHAMPION] == before


def test_a_refusal_that_was_interrupted_is_written_whole(command: Callable[..., None]) -> None:
    def refuse(store: Store) -> None:
        command(store, candidate="3")

    whole = _store()
    refuse(whole)
    assert whole.tags["3"][tags.DECISION] == "stays a challenger: FID"
    for store in _killed(_store(), refuse):
        command(store, candidate="3", ends_a_command=True)
        assert store.state == whole.state


def test_a_candidate_that_fails_after_an_interruption_has_replaced_nothing(
    command: Callable[..., None], verdicts: dict[str, bool]
) -> None:
    for store in _killed(_store(), command):
        if store.aliases[CHAMPION] == "1":
            verdicts["2 1"] = False
            command(store)
            verdicts["2 1"] = True
            assert tags.REPLACED not in store.tags["2"]
            assert store.tags["2"][tags.PENDING] == "none"


@pytest.mark.parametrize("code", [INTERNAL_ERROR, PERMISSION_DENIED])
@pytest.mark.parametrize("method", ["get_model_version_by_alias", "search_model_versions"])
@pytest.mark.parametrize("ends_a_command", [True, False])
def test_a_store_that_does_not_answer_the_question_for_the_champion_stops_it_and_nothing_changes(
    command: Callable[..., None], code: int, method: str, ends_a_command: bool
) -> None:
    store = _store()
    before = deepcopy(store.state)
    store.refuses = {method: code}
    with pytest.raises(MlflowException, match="no answer"):
        command(store, candidate="2", ends_a_command=ends_a_command)
    assert store.state == before
