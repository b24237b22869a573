"""Perceptual distances: modules from two batches of images, [B, C, H, W] in -1..1, to a scalar, or None for none.

An argument is given by `weights`, the file of weights.
"""

from dataclasses import dataclass

from lds_mlflow.choices.choice import Choice

__all__ = ["DISTANCES", "NO_DISTANCE", "DistanceChoice"]

NO_DISTANCE = "none"
"""The loss has no perceptual distance, the default."""

_LEAST_SIDE_OF_NETWORKS = 32


@dataclass(frozen=True, slots=True)
class DistanceChoice(Choice):
    """A perceptual distance.

    Attributes:
        needs_file: Whether it must have a file of weights; the others must have none.
        least_side: The smallest side in pixels of the images that it takes.
    """

    needs_file: bool = False
    least_side: int = 1


DISTANCES = {
    NO_DISTANCE: DistanceChoice("no distance", "lds_mlflow.training.perceptual:no_distance"),
    "laplacian": DistanceChoice("Laplacian pyramids, without weights", "lds_mlflow.training.perceptual:Laplacian"),
    "squeezenet": DistanceChoice(
        "SqueezeNet with torchvision's weights",
        "lds_mlflow.training.perceptual_networks:torchvision_squeezenet",
        {"weights": "weights"},
        needs_file=True,
        least_side=_LEAST_SIDE_OF_NETWORKS,
    ),
    "squeezenet-caffe": DistanceChoice(
        "SqueezeNet with Caffe's weights",
        "lds_mlflow.training.perceptual_networks:caffe_squeezenet",
        {"weights": "weights"},
        needs_file=True,
        least_side=_LEAST_SIDE_OF_NETWORKS,
    ),
    "lpips": DistanceChoice(
        "LPIPS, whose weights are downloaded",
        "lds_mlflow.training.perceptual_networks:Lpips",
        least_side=_LEAST_SIDE_OF_NETWORKS,
    ),
}
"""The distances by name."""
