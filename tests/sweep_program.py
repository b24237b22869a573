"""What several processes sweep as one, as torchrun starts this module: all interpolants of a few latents."""

import sys

import torch

from lds_mlflow.latent import score_exhaustively
from lds_mlflow.latent.scoring import tiles
from lds_mlflow.machine.ranks import follow, lead


def _main(path: str) -> None:
    torch.set_num_threads(1)
    vars(tiles)["_LARGEST_SIDE"] = 16
    ranks = lead("cpu")
    if not ranks.leads:
        follow(ranks)
        return
    z_ND = torch.randn(90, 6, generator=torch.Generator().manual_seed(3))
    found = score_exhaustively(z_ND, 400, sigma=0.9, leave_endpoints_out=True, ranks=ranks)
    parents, counts = found.candidates.parents_M2, found.census.counts_B
    torch.save({"scores": found.scores.log_lds_M, "parents": parents, "counts": counts}, path)
    ranks.dismiss()


if __name__ == "__main__":
    _main(sys.argv[1])
