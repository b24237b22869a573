"""The embedded default: scikit-learn's 1,797 handwritten digits, 8x8, which need no download."""

import numpy as np
import sklearn
import torch
from sklearn import datasets

from lds_mlflow.data.pixels import resize_arrays
from lds_mlflow.values import ExampleSet

__all__ = ["load_digits", "version_of_digits"]


def load_digits(*, resolution: int = 0) -> ExampleSet:
    """Returns the digits as uint8 [1797, 1, H, H] with their ten classes; H is `resolution`, or 8 where that is 0.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998, as in scikit-learn.
    """
    images, labels = datasets.load_digits(return_X_y=True)
    # The source counts inked pixels of a 4x4 block: 0..16.
    pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    return ExampleSet(
        name="scikit-learn digits",
        examples_N=torch.from_numpy(resize_arrays(pixels, resolution))[:, None],
        ids_N=tuple(f"digit-{i:04d}" for i in range(len(pixels))),
        labels_N=torch.from_numpy(labels.astype(np.int64)),
        class_names_K=tuple(str(digit) for digit in range(10)),
    )


def version_of_digits(_place: str) -> str:
    """Returns the version of scikit-learn, which contains the digits."""
    return f"scikit-learn {sklearn.__version__}"
