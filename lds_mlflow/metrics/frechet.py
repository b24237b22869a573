r"""The Frechet distance between two sets of features.

    FD = |mu_x - mu_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2))

with the mean and covariance of each set: Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017. With
Inception's features it is the FID; with another extractor's it has that extractor's name.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from lds_mlflow.errors import DataError

__all__ = ["frechet_distance"]


def frechet_distance(x_NF: Tensor, y_MF: Tensor) -> float:
    """Returns the Frechet distance of two sets of features, in squared feature units.

    Args:
        x_NF: Features, float [N, F].
        y_MF: Features, float [M, F].

    Raises:
        DataError: A set has fewer than two rows, or a feature is not finite.
    """
    for name, features in (("first", x_NF), ("second", y_MF)):
        if len(features) < 2 or not features.isfinite().all():
            raise DataError(
                f"the {name} set of features",
                found=f"{len(features)} rows, {'all' if features.isfinite().all() else 'not all'} finite",
                expected="at least 2 rows of finite numbers",
                remedy="Evaluate more samples, of a model whose training has not diverged.",
            )
    # torch-fidelity keeps the precision that it is given, and float32 costs digits in the matrix root.
    return float(fid_statistics_to_metric(_statistics(x_NF), _statistics(y_MF), verbose=False)[KEY_METRIC_FID])


def _statistics(features_NF: Tensor) -> dict[str, NDArray[np.float64]]:
    statistics = fid_features_to_statistics(features_NF.double().cpu())
    # The covariance of one feature alone comes without its two dimensions.
    return {"mu": statistics["mu"], "sigma": np.atleast_2d(statistics["sigma"])}
