import pytest
import torch

from lds_mlflow.errors import DataError
from lds_mlflow.recipes import strata_as_configured
from tests.unit.recipes.conftest import examples, scored


@pytest.mark.parametrize("kind", ["class", "cluster"])
def test_strata_are_classes_or_clusters(kind: str) -> None:
    config, found = scored(stratify=kind, clusters=3)
    strata = strata_as_configured(config, found, examples(80, torch.arange(80) % 2))
    assert strata is not None
    assert len(strata.share_K) == (2 if kind == "class" else 3)
    assert strata.share_K.sum() == pytest.approx(1)
    assert strata_as_configured(scored()[0], found, examples(80, None)) is None


def test_strata_of_classes_without_classes_are_refused_with_the_remedy() -> None:
    config, found = scored(stratify="class")
    with pytest.raises(DataError, match="stratify=cluster"):
        strata_as_configured(config, found, examples(80, None))


def test_more_clusters_than_latents_are_refused() -> None:
    config, found = scored(stratify="cluster", clusters=81)
    with pytest.raises(DataError, match="fewer clusters"):
        strata_as_configured(config, found, examples(80, None))
