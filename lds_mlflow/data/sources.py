"""The parameter `data`: one word that says where the images are."""

from pathlib import Path

from lds_mlflow.choices import call, load
from lds_mlflow.choices.data_sources import data_source_of
from lds_mlflow.data.folder import AS_THEY_ARE, Reading
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

__all__ = ["describe_source", "load_images"]

MIN_RESOLUTION = 8


def load_images(data: str, reading: Reading = AS_THEY_ARE) -> ExampleSet:
    """Reads the images that `data` names, ready for a model.

    Args:
        data: A source of `DATA_SOURCES`, with its place, or a path of a folder or a zip.
        reading: How to read them.

    Raises:
        DataError: The images can't be read, or aren't squares with a side that is a power of two of at least 8.
        DiskFullError: The disk has too little free space to pack the images.
    """
    source, place = data_source_of(data)
    known = {"place": place, "path": Path(place), "reading": reading, "resolution": reading.resolution}
    images: ExampleSet = call(source, known.__getitem__)
    _require_model_size(images)
    return images


def describe_source(data: str) -> str:
    """Returns a digest that changes when what `data` names changes, without reading the content of files.

    Raises:
        DataError: There is no such file or folder.
    """
    source, place = data_source_of(data)
    digest: str = load(source.outside)(place)
    return digest


def _require_model_size(images: ExampleSet) -> None:
    height, width = images.images_NCHW.shape[-2:]
    if height == width and height >= MIN_RESOLUTION and height & (height - 1) == 0:
        return
    raise DataError(
        f"images of {images.name}",
        found=f"{width}x{height} pixels",
        expected=f"squares with a side that is a power of two of at least {MIN_RESOLUTION}",
        remedy="Give resolution (32, 64, ...) to crop every image to a square and resize it.",
    )
