from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    TEMPORARILY_UNAVAILABLE,
)

from lds_mlflow.errors import TrackingError
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.samplers import latent_density, standard_normal
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import with_densities
from lds_mlflow.tracking import Run, Tracker, Version, register_sampler, tags
from lds_mlflow.tracking.registry import Registry

Z_ND = torch.randn(30, 16, generator=torch.Generator().manual_seed(0))
NAMED = dict.fromkeys(DISTRIBUTIONS, standard_normal(16)) | {"density": with_densities(latent_density(Z_ND, sigma="1"))}


@pytest.fixture
def run(tracker: Tracker) -> Run:
    return tracker.begin("finetune", parent=None, values={})


def test_a_second_version_takes_the_alias(run: Run, tracker: Tracker) -> None:
    weights = VAE.initialised(spec_of("digits"), 0).to_weights()
    numbers = [register_sampler(run, weights, NAMED, "digits", description="") for _ in range(2)]
    assert numbers == [1, 2]
    assert int(tracker.client.get_model_version_by_alias("digits", "challenger").version) == 2


def test_versions_are_found_by_alias_number_or_run_and_noted(run: Run, tracker: Tracker) -> None:
    register_sampler(run, VAE.initialised(spec_of("digits"), 0).to_weights(), NAMED, "digits", description="before")
    registry = tracker.registry
    version = registry.get("digits", "challenger")
    assert version == registry.get("digits", "1") == registry.of_run(run.id)[0]
    assert registry.find("digits", "champion") is registry.find("letters", "1") is registry.find("digits", "9") is None
    registry.note(version, {"lds.decision": "kept"}, description="after")
    noted = registry.get("digits", "1")
    assert (noted.description, noted.tags["lds.decision"]) == ("after", "kept")


def test_a_section_takes_the_place_of_the_one_before_and_is_never_cut() -> None:
    version = Version("digits", "1", "", "What it is.\n\n## Data\n\ndigits\n\n## Promotion\n\nrefused", {})
    promoted = version.with_section("Promotion", "became the champion")
    assert promoted == "What it is.\n\n## Data\n\ndigits\n\n## Promotion\n\nbecame the champion"
    assert (
        replace(version, description=promoted)
        .with_section("Search", "study lds")
        .endswith("## Promotion\n\nbecame the champion\n\n## Search\n\nstudy lds")
    )
    long = replace(version, description="x" * 9000).with_section("Promotion", "became the champion")
    assert (len(long), long.endswith("## Promotion\n\nbecame the champion")) == (5000, True)


@pytest.mark.parametrize("refusals", [1, 2])
def test_an_alias_that_another_machine_gives_at_the_same_moment_is_given_once_more(
    run: Run, tracker: Tracker, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    register_sampler(run, VAE.initialised(spec_of("digits"), 0).to_weights(), NAMED, "digits", description="")
    version, give = tracker.registry.get("digits", "1"), tracker.registry.client.set_registered_model_alias
    left = [None] * refusals

    def refuse_first(name: str, alias: str, number: str) -> None:
        if left:
            left.pop()
            raise MlflowException("duplicate key value violates unique constraint")
        give(name, alias, number)

    monkeypatch.setattr(tracker.registry.client, "set_registered_model_alias", refuse_first)
    if refusals == 1:
        tracker.registry.set_alias(version, "champion")
        assert tracker.registry.get("digits", "champion").number == "1"
    else:
        with pytest.raises(MlflowException, match="duplicate key"):
            tracker.registry.set_alias(version, "champion")


class _Refusing:
    """A store that answers every question with an error."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __getattr__(self, name: str) -> Callable[..., None]:
        def refuse(*args: object, **named: object) -> None:
            raise MlflowException("no answer", error_code=self.code)

        return refuse


@pytest.mark.parametrize("code", [INTERNAL_ERROR, PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE, INVALID_PARAMETER_VALUE])
@pytest.mark.parametrize("reference", ["champion", "3"])
def test_only_a_store_that_says_so_has_no_version(code: int, reference: str) -> None:
    client: Any = _Refusing(code)
    for ask in (Registry(client).find, Registry(client).get):
        with pytest.raises(MlflowException, match="no answer"):
            ask("digits", reference)


def test_a_version_is_found_by_its_address(tracker: Tracker) -> None:
    tracker.client.create_registered_model("digits")
    for number in ("1", "2"):
        tracker.client.create_model_version("digits", "file:///nowhere", f"r{number}")
    tracker.client.set_registered_model_alias("digits", "champion", "1")
    addresses = {"digits": "2", "digits/latest": "2", "digits/2": "2", "digits/1": "1", "digits@champion": "1"}
    found = {address: tracker.registry.of_address(f"models:/{address}").number for address in addresses}
    assert found == addresses


@pytest.mark.parametrize("address", ["digits/3", "digits@nobody", "letters", "digits/99999999999999999999"])
def test_an_address_of_no_version_is_told(tracker: Tracker, address: str) -> None:
    tracker.client.create_registered_model("digits")
    with pytest.raises(TrackingError, match=r"of the registered model.*found none"):
        tracker.registry.of_address(f"models:/{address}")


def test_the_champion_of_the_only_model_need_not_be_named(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match="the registered model: found none"):
        tracker.registry.address_of("auto")
    tracker.client.create_registered_model("faces")
    assert tracker.registry.address_of("auto") == "models:/faces@champion"
    for n in range(11):
        tracker.client.create_registered_model(f"digits {n:02}")
    with pytest.raises(TrackingError, match=r"found 12: digits 00, .*09, \.\.\.; .*model=models:/digits 00@champion"):
        tracker.registry.address_of("auto")
    assert tracker.registry.address_of("models:/faces/3") == "models:/faces/3"


def test_what_is_pending_is_found_whatever_the_model_is_called(tracker: Tracker) -> None:
    for name in ("digits", "it's"):
        tracker.client.create_registered_model(name)
        tracker.client.create_model_version(name, "file:///nowhere", "r1")
        assert tracker.registry.pending(name) == []
        tracker.registry.note(tracker.registry.get(name, "1"), {tags.PENDING: "promotion"})
        assert [version.number for version in tracker.registry.pending(name)] == ["1"]


def test_an_alias_that_another_machine_gives_while_it_is_asked_for_is_found(
    run: Run, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_sampler(run, VAE.initialised(spec_of("digits"), 0).to_weights(), NAMED, "digits", description="")
    registry = tracker.registry
    ask = registry.client.get_model_version_by_alias

    def too_early(name: str, alias: str) -> Any:
        try:
            return ask(name, alias)
        finally:
            registry.client.set_registered_model_alias(name, alias, "1")

    monkeypatch.setattr(registry.client, "get_model_version_by_alias", too_early)
    found = registry.find("digits", "champion")
    assert found is not None
    assert found.number == "1"
