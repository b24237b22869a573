"""Molecules that are read once."""

from pathlib import Path

import pytest

from lds_mlflow.data import Reading
from lds_mlflow.domains import domain_of
from lds_mlflow.values import ExampleSet

_LINES = 300


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> ExampleSet:
    """The first of the molecules that come with RDKit."""
    reading = pytest.importorskip("lds_mlflow.domains.molecules.reading", reason="the extra molecules is not installed")
    short: Path = tmp_path_factory.mktemp("molecules") / "first.smi"
    short.write_text("".join(reading.BUNDLED.read_text().splitlines(keepends=True)[:_LINES]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BUNDLED", short)
        return domain_of("molecules").load("molecules", Reading())


@pytest.fixture
def few(bundled: ExampleSet) -> ExampleSet:
    """Sixty of them."""
    return bundled.spread(60)
