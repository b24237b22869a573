"""Molecules drawn as structures, by RDKit."""

import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from rdkit.Chem.Draw import rdMolDraw2D
from torch import Tensor

from lds_mlflow.domains.molecules.smiles import molecule, smiles_of

__all__ = ["drawn"]

_SIDE = 160
_GREY = 235


def drawn(examples_N: Tensor, *, side: int = _SIDE) -> Tensor:
    """Returns stored molecules, [N, L], as pictures, uint8 [N, 3, H, H]; what is no molecule is grey.

    Args:
        examples_N: The molecules.
        side: H in pixels.
    """
    blank = torch.full((3, side, side), _GREY, dtype=torch.uint8)
    read = [molecule(smiles) for smiles in smiles_of(examples_N)]
    return torch.stack([blank if one is None else _picture(one, side) for one in read])


def _picture(read: Any, side: int) -> Tensor:
    canvas = rdMolDraw2D.MolDraw2DCairo(side, side)
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, read)
    canvas.FinishDrawing()
    with Image.open(io.BytesIO(canvas.GetDrawingText())) as picture:
        return torch.from_numpy(np.asarray(picture.convert("RGB")).copy()).permute(2, 0, 1)
