import pytest
import torch

from lds_mlflow.domains.molecules.tokens import stored

drawing = pytest.importorskip("lds_mlflow.domains.molecules.drawing", reason="the extra molecules is not installed")


def test_molecules_are_drawn_and_what_is_none_is_grey() -> None:
    pictures = drawing.drawn(stored([["C", "O"], [], ["N"]]), side=64)
    assert (pictures.shape, pictures.dtype) == ((3, 3, 64, 64), torch.uint8)
    assert pictures[1].unique().numel() == 1
    assert not torch.equal(pictures[0], pictures[2])
    assert pictures[0].float().mean() > 200
