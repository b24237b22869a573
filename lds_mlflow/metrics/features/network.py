"""A network that others have trained, as an extractor of features."""

from typing import ClassVar

from torch import Tensor, nn

from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.metrics.features.resizing import describe_resize, resize_images
from lds_mlflow.models.pretrained import Convention, as_trained_on, three_channels
from lds_mlflow.values import ModelWeights

__all__ = ["AsTrained", "NetworkExtractor"]

_BATCH = 32


class AsTrained(nn.Module):
    """A network that is given uint8 images as its weights were trained on them.

    Args:
        network: Maps float images, [B, 3, H, W], to features, [B, F].
        convention: What the weights were trained on.
    """

    def __init__(self, network: nn.Module, convention: Convention) -> None:
        super().__init__()
        self.network, self.convention = network, convention

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Maps images to features."""
        features: Tensor = self.network(as_trained_on(images_BCHW.float(), self.convention))
        return features


class NetworkExtractor(nn.Module):
    """A network that maps uint8 images, [B, 3, side, side], to features, [B, F].

    Args:
        model: The network, in evaluation mode.
        side: Pixels of a side of the images that it is given.
        device: Where to compute.
        ranks: The processes that share the images.
    """

    title: ClassVar[str]
    """What the network is called."""

    def __init__(self, model: nn.Module, side: int, device: str, ranks: Ranks) -> None:
        super().__init__()
        state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
        self.name = f"{self.title.lower().replace(' ', '-')}-{ModelWeights({}, state).digest[:8]}"
        self.model, self.side, self.ranks = model.to(device), side, ranks
        self.resize, self.device = describe_resize(side), device

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Maps a batch to its features."""
        found = self.model(three_channels(resize_images(images_BCHW, self.side)))
        features: Tensor = found[0] if isinstance(found, tuple) else found
        return features.float()

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. Grey images are repeated to three channels."""
        return in_batches(self, images_NCHW, _BATCH, f"{self.title} features", device=self.device, ranks=self.ranks)
