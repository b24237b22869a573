"""Features computed once for a set of images, and found again by the content of that set.

A cache that goes by a set's name gives the features of yesterday's images, once the name stands for others. This one
goes by the pixels, and by the extractor's name, which has the digest of its weights.
"""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lds_mlflow.machine.files import digest_of_bytes, write_atomically
from lds_mlflow.metrics.features.protocols import Extractor
from lds_mlflow.values import content_of

__all__ = ["CachedExtractor"]

_FEATURES = "features_NF"


class CachedExtractor:
    """An extractor that keeps the features of every set of images in a file.

    Args:
        inner: The extractor.
        folder: Where the files are, one safetensors file a set; it is made when there is something to keep.
    """

    def __init__(self, inner: Extractor, folder: Path) -> None:
        self.inner, self.folder = inner, folder
        self.name, self.resize = inner.name, inner.resize

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. A file that is damaged, or not of these images, is replaced.

        Raises:
            DiskFullError: There is no room for the file.
        """
        key = digest_of_bytes(self.name.encode(), self.resize.encode(), *content_of(images_NCHW))
        path = self.folder / f"{key}.safetensors"
        kept_NF = _read(path, key)
        if kept_NF is not None:
            return kept_NF
        features_NF = self.inner.features(images_NCHW).contiguous()
        metadata = {"key": key, "digest": digest_of_bytes(*content_of(features_NF))}
        write_atomically(path, lambda partial: save_file({_FEATURES: features_NF}, partial, metadata))
        return features_NF


def _read(path: Path, key: str) -> Tensor | None:
    """Returns the features of a file, or None where it is missing, damaged, or has another key."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            features_NF: Tensor = file.get_tensor(_FEATURES)
    except (OSError, SafetensorError):
        return None
    if metadata.get("key") != key or metadata.get("digest") != digest_of_bytes(*content_of(features_NF)):
        return None
    return features_NF
