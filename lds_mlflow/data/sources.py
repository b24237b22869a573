"""The parameter `data`: one word that says where the images are."""

from pathlib import Path

import sklearn

from lds_mlflow.data.digits import load_digits
from lds_mlflow.data.folder import AS_THEY_ARE, Reading, load_folder
from lds_mlflow.data.torchvision_sets import load_torchvision
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.values import ExampleSet

__all__ = ["describe_source", "load_images"]

_TORCHVISION = "torchvision:"
MIN_RESOLUTION = 8


def load_images(data: str, reading: Reading = AS_THEY_ARE) -> ExampleSet:
    """Reads the images that `data` names, ready for a model.

    Args:
        data: "digits", a path of a folder or a zip, or "torchvision:NAME:FOLDER".
        reading: How to read them.

    Raises:
        DataError: The images can't be read, or aren't squares with a side that is a power of two of at least 8.
        DiskFullError: The disk has too little free space to pack the images.
    """
    if data == "digits":
        images = load_digits(resolution=reading.resolution)
    elif data.startswith(_TORCHVISION):
        name, root = _torchvision_parts(data)
        images = load_torchvision(name, root, resolution=reading.resolution)
    else:
        images = load_folder(Path(data), reading)
    _require_model_size(images)
    return images


def describe_source(data: str) -> str:
    """Returns a digest that changes when the files that `data` names change, without reading their content.

    Raises:
        DataError: There is no such file or folder.
    """
    if data == "digits":
        return f"scikit-learn {sklearn.__version__}"
    path = _torchvision_parts(data)[1] if data.startswith(_TORCHVISION) else Path(data)
    if not path.exists():
        raise DataError(
            "data",
            found=f"neither a file nor a folder at {data}",
            expected="digits, a folder or a zip of images, or torchvision:NAME:FOLDER",
            remedy="Check the path; a relative path starts at the project's folder.",
        )
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    listing = [f"{file.relative_to(path.parent)} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return digest_of_bytes("\n".join(listing).encode())


def _torchvision_parts(data: str) -> tuple[str, Path]:
    name, colon, root = data.removeprefix(_TORCHVISION).partition(":")
    if not colon:
        raise DataError(
            "data", found=data, expected="torchvision:NAME:FOLDER", remedy="Add the folder that contains the data set."
        )
    return name, Path(root)


def _require_model_size(images: ExampleSet) -> None:
    height, width = images.examples_N.shape[-2:]
    if height == width and height >= MIN_RESOLUTION and height & (height - 1) == 0:
        return
    raise DataError(
        f"images of {images.name}",
        found=f"{width}x{height} pixels",
        expected=f"squares with a side that is a power of two of at least {MIN_RESOLUTION}",
        remedy="Give resolution (32, 64, ...) to crop every image to a square and resize it.",
    )
