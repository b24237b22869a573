import pytest
import torch

from lds_mlflow.latent import neighbours
from lds_mlflow.latent.neighbours import nearest_latents
from tests.unit.latent.conftest import gaussian


def test_neighbours_are_the_nearest_others() -> None:
    z = gaussian(60, 3)
    order = torch.cdist(z.double(), z.double()).argsort(1)[:, 1:8]
    assert torch.equal(nearest_latents(z, 7), order)


@pytest.mark.parametrize("tile", [1, 130, 2**20])
def test_the_tiles_of_the_search_do_not_matter(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    z = gaussian(50, 3)
    whole = nearest_latents(z, 5)
    monkeypatch.setattr(neighbours, "_TILE_ENTRIES", tile)
    assert torch.equal(nearest_latents(z, 5), whole)


def test_of_copies_all_but_the_latent_itself_are_found() -> None:
    found = nearest_latents(torch.zeros(4, 2), 3)
    assert [sorted(row) for row in found.tolist()] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
