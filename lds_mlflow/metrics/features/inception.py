"""Inception v3 as an extractor, by torch-fidelity: the features that the FID is defined by."""

import tempfile
from pathlib import Path

import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.features.network import NetworkExtractor
from lds_mlflow.models.pretrained import read_tensors, reading_weights

__all__ = ["InceptionExtractor"]

_LAYER = "2048"
_SIDE = 299


class InceptionExtractor(NetworkExtractor):
    """Inception v3 as the FID has it, by torch-fidelity: its 2,048 pooled features.

    Args:
        weights: A file of torch-fidelity's weights (.pth or .safetensors), or None to download them.
        device: Where to compute.
        ranks: The processes that share the images.

    Raises:
        ArtifactError: The weights can't be had, or don't fit.
    """

    title = "Inception v3"

    def __init__(self, weights: Path | None, device: str = "cpu", *, ranks: Ranks = ALONE) -> None:
        expected = "torch-fidelity's Inception v3 weights, from a file or its download"
        remedy = "Give feature_weights=PATH, or features=classifier, which needs no download."
        with reading_weights("Inception weights", weights, expected, remedy):
            model = _inception(weights)
        # The network's own resize isn't antialiased; of images that have its side it changes nothing.
        super().__init__(model, _SIDE, device, ranks)


def _inception(weights: Path | None) -> FeatureExtractorInceptionV3:
    with tempfile.TemporaryDirectory() as folder:
        path = None
        if weights is not None:
            # torch-fidelity unpickles whatever it is given; it gets a copy that holds tensors alone.
            path = str(Path(folder) / "inception.pth")
            torch.save(read_tensors(weights), path)
        return FeatureExtractorInceptionV3("inception-v3-compat", [_LAYER], path, verbose=True)
