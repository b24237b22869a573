import pytest

from lds_mlflow.domains import DOMAINS, domain_of, domain_of_source
from lds_mlflow.errors import ArtifactError
from tests.vectors import Vectors


def test_a_kind_is_found_by_its_name() -> None:
    assert {name: domain.name for name, domain in DOMAINS.items()} == {name: name for name in DOMAINS}
    assert domain_of("images") is DOMAINS["images"]


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ArtifactError) as caught:
        domain_of("sounds")
    error = caught.value
    assert (error.what, error.found, error.expected) == (
        "the kind of examples",
        "sounds",
        f"one of {', '.join(DOMAINS)}",
    )
    assert error.remedy.startswith("Install the version")


def test_a_source_is_of_the_kind_that_takes_it_and_else_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    assert domain_of_source("vectors:digits").name == "images"
    monkeypatch.setitem(DOMAINS, Vectors.name, Vectors())
    assert domain_of_source("vectors:digits").name == "vectors"
    assert domain_of_source("digits").name == "images"
