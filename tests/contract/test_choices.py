"""Every table of choices, as a contract: what it names exists, takes what it is given, and is light to read."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from inspect import Parameter, isclass, signature
from pkgutil import iter_modules
from typing import Any

import pytest

from lds_mlflow import choices
from lds_mlflow.choices import Choice, load
from lds_mlflow.choices.bandwidths import BANDWIDTHS
from lds_mlflow.choices.candidates import CANDIDATES
from lds_mlflow.choices.combinations import COMBINATIONS
from lds_mlflow.choices.data_sources import DATA_SOURCES, DataSource
from lds_mlflow.choices.discriminator_augmentations import DISCRIMINATOR_AUGMENTATIONS
from lds_mlflow.choices.distances import DISTANCES, DistanceChoice
from lds_mlflow.choices.domain_figures import DOMAIN_FIGURES
from lds_mlflow.choices.extractors import EXTRACTORS, ExtractorChoice
from lds_mlflow.choices.interpolations import INTERPOLATIONS
from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.choices.priors import PRIORS, PriorChoice
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.choices.scorers import SCORERS
from lds_mlflow.choices.selections import SELECTIONS
from lds_mlflow.choices.sources import SOURCES
from lds_mlflow.choices.spaces import SPACES
from lds_mlflow.choices.stratifications import STRATIFICATIONS
from lds_mlflow.choices.variants import VARIANTS
from lds_mlflow.config import AugmentConfig, SamplerSettings
from lds_mlflow.domains import DOMAINS
from lds_mlflow.entry.fingerprint import modules_behind
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.entry.imports import Package
from lds_mlflow.models.stylegan import VaeSpec
from lds_mlflow.models.stylegan.priors import Prior
from lds_mlflow.recipes.rules import MEASURED_FOR_RULES
from tests.places import ROOT

Table = Mapping[str, Choice]

NUMBER_OF_ARGUMENTS: list[tuple[Table, int]] = [
    (BANDWIDTHS, 1),
    (CANDIDATES, 4),
    (COMBINATIONS, 3),
    (DISCRIMINATOR_AUGMENTATIONS, 0),
    (DOMAIN_FIGURES, 3),
    (INTERPOLATIONS, 4),
    (KERNELS, 2),
    (SOURCES, 2),
    (STRATIFICATIONS, 3),
    (VARIANTS, 2),
]
"""The tables whose implementations all take the same arguments, by place, and how many."""

KNOWN: list[tuple[Table, set[str]]] = [
    (SELECTIONS, {*AugmentConfig.model_fields, *MEASURED_FOR_RULES}),
    (DATA_SOURCES, {"place", "path", "reading", "resolution"}),
    (DISTANCES, {"weights"}),
    (PRIORS, {field.name for field in fields(VaeSpec)}),
    (SPACES, {"z_ND", "drop_inactive", "explained"}),
    (EXTRACTORS, {"file", "device", "ranks", "judge", "program_resolution"}),
    (SAMPLERS, {*SamplerSettings.model_fields, "codec", "z_ND", "log_variance_ND"}),
]
"""The tables whose entries say what they take, and what there is to take."""

PACKAGE = Package.read()


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, Choice) for entry in value.values())


def _tables() -> Iterator[tuple[str, Table]]:
    for module in iter_modules(choices.__path__):
        found = vars(import_module(f"lds_mlflow.choices.{module.name}"))
        yield from ((name, value) for name, value in found.items() if name.isupper() and _is_table(value))


TABLES = dict(_tables())
ENTRIES = [pytest.param(entry, id=f"{table}-{name}") for table, own in TABLES.items() for name, entry in own.items()]
IN_PLACE = [pytest.param(entry, n, id=f"{entry.at}") for table, n in NUMBER_OF_ARGUMENTS for entry in table.values()]
BY_NAME = [pytest.param(entry, known, id=f"{entry.at}") for table, known in KNOWN for entry in table.values()]


def _required(function: Callable[..., Any]) -> set[str]:
    return {name for name, one in signature(function).parameters.items() if one.default is Parameter.empty}


def test_every_table_is_held_to_its_arguments() -> None:
    checked = [table for table, _ in (*NUMBER_OF_ARGUMENTS, *KNOWN)]
    assert [name for name, table in TABLES.items() if table not in (*checked, SCORERS)] == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_names_something_that_can_be_called_and_says_what_it_does(entry: Choice) -> None:
    assert callable(load(entry.at))
    assert entry.says
    assert not entry.says.endswith(".")


@pytest.mark.parametrize(("entry", "n"), IN_PLACE)
def test_an_implementation_takes_what_its_table_gives_it(entry: Choice, n: int) -> None:
    assert len(signature(load(entry.at)).parameters) == n
    assert not entry.takes


@pytest.mark.parametrize(("entry", "known"), BY_NAME)
def test_an_entry_takes_what_there_is_under_the_names_of_its_implementation(entry: Choice, known: set[str]) -> None:
    implementation = load(entry.at)
    assert set(entry.takes.values()) <= known
    assert _required(implementation) <= set(entry.takes) <= set(signature(implementation).parameters)


@pytest.mark.parametrize("entry", SELECTIONS.values(), ids=SELECTIONS)
def test_a_rule_of_selection_is_a_class_that_chooses_and_has_words(entry: Choice) -> None:
    rule = load(entry.at)
    assert isclass(rule)
    assert {"choose", "words"} <= set(dir(rule))


@pytest.mark.parametrize("entry", SCORERS.values(), ids=SCORERS)
def test_a_scorer_takes_candidates_and_latents_and_how_to_score(entry: Choice) -> None:
    assert list(signature(load(entry.at)).parameters) == ["candidates", "z_ND", "sigma", "leave_endpoints_out"]


@pytest.mark.parametrize("extractor", EXTRACTORS.values(), ids=EXTRACTORS)
def test_an_extractor_takes_a_kind_of_examples_that_there_is_or_every_kind(extractor: ExtractorChoice) -> None:
    assert extractor.domain in {"", *DOMAINS}


@pytest.mark.parametrize("distance", DISTANCES.values(), ids=DISTANCES)
def test_a_distance_that_needs_a_file_of_weights_takes_it(distance: DistanceChoice) -> None:
    assert ("weights" in distance.takes.values()) == distance.needs_file


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_a_prior_with_components_takes_their_number(prior: PriorChoice) -> None:
    assert issubclass(load(prior.at), Prior)
    assert ("components" in prior.takes.values()) == (prior.made_of != "nothing")


@pytest.mark.parametrize("source", DATA_SOURCES.values(), ids=DATA_SOURCES)
def test_what_lies_outside_of_a_data_source_is_digested_by_its_place(source: DataSource) -> None:
    assert len(signature(load(source.outside)).parameters) == 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_is_drawn_from_by_its_distribution_and_generators(sampler: str) -> None:
    assert list(signature(load(SAMPLERS[sampler].draws)).parameters) == ["distribution", "generators"]


@pytest.mark.parametrize("sampler", [name for name, choice in SAMPLERS.items() if choice.of_rows])
def test_a_sampler_that_has_classes_has_a_distribution_of_some_rows(sampler: str) -> None:
    assert list(signature(load(SAMPLERS[sampler].of_rows)).parameters) == ["distribution", "rows"]


def test_the_tables_import_nothing_but_the_errors() -> None:
    code = (
        "import sys, importlib, pkgutil; from lds_mlflow import choices; "
        "names = [one.name for one in pkgutil.iter_modules(choices.__path__)]; "
        "[importlib.import_module(f'lds_mlflow.choices.{name}') for name in names]; "
        "heavy = {'torch', 'numpy', 'pydantic', 'click'} & set(sys.modules); "
        "rooms = {name for name in sys.modules if name.count('.') == 1 and name.startswith('lds_mlflow.')}; "
        "sys.exit(repr(heavy | rooms) if heavy or rooms != {'lds_mlflow.choices', 'lds_mlflow.errors'} else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("step", ["data", "encode", "classifier"])
def test_a_step_that_chooses_from_no_table_does_not_depend_on_what_can_be_chosen(step: str) -> None:
    behind = modules_behind(PACKAGE, (STEPS[step].module,))
    assert [name for name in behind if name.startswith(("lds_mlflow.latent", "lds_mlflow.samplers"))] == []


@pytest.mark.parametrize("entry", [*SELECTIONS.values(), *SOURCES.values()], ids=lambda entry: entry.at)
def test_the_step_that_chooses_depends_on_all_that_can_be_chosen(entry: Choice) -> None:
    assert entry.at.partition(":")[0] in modules_behind(PACKAGE, (STEPS["augment"].module,))
