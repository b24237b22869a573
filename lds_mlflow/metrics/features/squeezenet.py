"""SqueezeNet as an extractor: ImageNet features from a file of a few MiB, without a download.

Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, 2016. The network is
torchvision's squeezenet1_0. What its weights expect of a pixel depends on who trained them.
"""

from functools import partial
from pathlib import Path

from torch import Tensor, nn

from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.features.resizing import describe_resize, resize_images
from lds_mlflow.models.pretrained import Convention, as_trained_on, side_of
from lds_mlflow.models.squeezenet import load_squeezenet

__all__ = ["SqueezeNetExtractor", "caffe_squeezenet", "torchvision_squeezenet"]

_BATCH = 32


class SqueezeNetExtractor(nn.Module):
    """SqueezeNet 1.0: the means over space of its last 512 maps before the classes.

    Args:
        weights: A file of weights under torchvision's names (.pth or .safetensors), of any floating type.
        device: Where to compute.
        ranks: The processes that share the images.
        convention: What the weights were trained on: "caffe" (BGR in 0..255 less (104, 117, 123), 227x227) or
            "torchvision" (RGB in 0..1, normalised, 224x224).

    Raises:
        ArtifactError: The file is missing, or doesn't fit.
    """

    def __init__(
        self, weights: Path, device: str = "cpu", convention: Convention = "caffe", *, ranks: Ranks = ALONE
    ) -> None:
        super().__init__()
        self.convention, self.ranks = convention, ranks
        remedy = "Give feature_weights=PATH of such a file, or features=classifier, which needs none."
        model, digest = load_squeezenet(weights, remedy)
        self.model = model.to(device)
        self.name = f"squeezenet-{digest_of_bytes(digest.encode(), convention.encode())[:8]}"
        self.resize = describe_resize(side_of(convention))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Maps a batch to its features."""
        resized = resize_images(images_BCHW, side_of(self.convention))
        maps: Tensor = self.model.features(as_trained_on(resized.float(), self.convention))
        return maps.mean((2, 3))

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. Grey images are repeated to three channels."""
        device = next(self.model.parameters()).device
        return in_batches(self, images_NCHW, _BATCH, "SqueezeNet features", device=device, ranks=self.ranks)


caffe_squeezenet = partial(SqueezeNetExtractor, convention="caffe")
"""SqueezeNet with weights that Caffe trained."""

torchvision_squeezenet = partial(SqueezeNetExtractor, convention="torchvision")
"""SqueezeNet with weights that torchvision trained."""
