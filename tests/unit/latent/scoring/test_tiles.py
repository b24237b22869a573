import pytest
import torch

from lds_mlflow.latent.geometry import TENTHS, Geometry
from lds_mlflow.latent.scoring import tiles
from lds_mlflow.latent.scoring.tiles import Tile
from tests.unit.latent.conftest import every_interpolant, gaussian, oracle

Z, SIGMA = gaussian(13, 3, dtype=torch.float64), 0.9
GEOMETRY = Geometry.of(Z, SIGMA)


def _held(tile: Tile, t: int, rows: slice) -> torch.Tensor:
    """Which entries of some rows are pairs of this tile."""
    surplus = tile.surplus(t, rows)
    n_rows, n_columns = (len(range(13)[side]) for side in (tile.rows, tile.columns))
    return torch.ones(n_rows, n_columns, dtype=torch.bool)[rows] if surplus is None else ~surplus


@pytest.mark.parametrize("side", [1, 4, 5, 100])
def test_tiles_hold_every_pair_at_every_alpha_once(monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    monkeypatch.setattr(tiles, "_LARGEST_SIDE", side)
    met, n_interpolants = [], []
    for rows, columns in Tile.cover(13, torch.float64):
        tile = Tile(rows, columns, Z, GEOMETRY)
        for t in tile.tenths:
            for i, j in _held(tile, t, slice(0, 13)).nonzero().tolist():
                first, second = i + rows.start, j + columns.start
                met.append((first, second, t) if first < second else (second, first, TENTHS - t))
        n_interpolants.append(tile.n_interpolants)
    assert len(met) == len(set(met)) == sum(n_interpolants) == 9 * 13 * 12 // 2


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize("columns", [slice(0, 6), slice(6, 13)], ids=["diagonal", "apart"])
def test_the_sums_of_a_tile_are_those_of_the_definition(columns: slice, leave_out: bool) -> None:
    candidates = every_interpolant(Z)
    scores = oracle(candidates, Z, SIGMA, leave_endpoints_out=leave_out)
    keys = [
        (i, j, round(TENTHS * a))
        for (i, j), a in zip(candidates.parents_M2.tolist(), candidates.alpha_M.tolist(), strict=True)
    ]
    expected = dict(zip(keys, scores.tolist(), strict=True))
    tile = Tile(slice(0, 6), columns, Z, GEOMETRY)
    shares: list[float] = []
    n = len(Z) - (2 if leave_out else 0)
    for t, sums in zip(tile.tenths, tile.power_sums(shares.append), strict=True):
        rows = slice(2, 5)
        log_sums, losses = tile.log_sums(sums[rows].clone(), t, rows, leave_endpoints_out=leave_out)
        assert (losses < log_sums)[_held(tile, t, rows)].all()
        for r, j in _held(tile, t, rows).nonzero().tolist():
            first, second = r + 2, j + columns.start
            key = (first, second, t) if first < second else (second, first, TENTHS - t)
            assert log_sums[r, j].item() - torch.tensor(float(n)).log().item() == pytest.approx(expected[key], abs=1e-5)
    assert sum(shares) == pytest.approx(1)
