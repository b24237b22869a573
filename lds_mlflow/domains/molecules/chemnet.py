"""Activations of ChemNet, by which the Frechet ChemNet distance is measured.

Preuer et al., Frechet ChemNet Distance, 2018. Weights and network are those of the package fcd_torch, which gives other
distances than the package fcd does; so figures say which of them they are by.
"""

from pathlib import Path

import fcd_torch
import torch
from fcd_torch.utils import get_one_hot, load_imported_model
from torch import Tensor

from lds_mlflow.domains.molecules.smiles import smiles_of
from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.files import digest_of_file

__all__ = ["ChemNetExtractor"]

_WEIGHTS = "ChemNet_v0.13_pretrained.pt"
_LONGEST = 350
_NO_MOLECULE = "X"
"""What ChemNet has for anything that it does not know."""
_BATCH = 64


class ChemNetExtractor:
    """The last activations of ChemNet of stored molecules; what is no molecule is one unknown atom.

    Args:
        device: Where to compute.
    """

    resize = "none"

    def __init__(self, device: str) -> None:
        path = Path(fcd_torch.__file__).parent / _WEIGHTS
        self.device = device
        self.name = f"chemnet-fcd_torch-{digest_of_file(path)[:8]}"
        self._network = load_imported_model(torch.load(path, weights_only=True)).eval().to(device)

    def features(self, examples_N: Tensor, /) -> Tensor:
        """Maps stored molecules, [N, L], to activations, float32 [N, 512]."""
        return self.of_smiles(smiles_of(examples_N))

    def of_smiles(self, smiles: list[str]) -> Tensor:
        """Maps canonical SMILES to activations, float32 [N, 512]."""
        rows_N = torch.arange(len(smiles))

        def activations(rows_B: Tensor) -> Tensor:
            texts = [smiles[row] or _NO_MOLECULE for row in rows_B.tolist()]
            one_hot = torch.stack([torch.from_numpy(get_one_hot(text, _LONGEST)) for text in texts])
            x = (one_hot / one_hot.shape[2]).transpose(1, 2).float()
            found: Tensor = self._network(x.to(self.device))
            return found

        return in_batches(activations, rows_N, _BATCH, "ChemNet's activations", device="cpu")
