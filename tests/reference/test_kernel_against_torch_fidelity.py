"""The kernel distance against torch-fidelity's KID, with all images as its one subset."""

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

from lds_mlflow.metrics import kernel_distance


def _theirs(x_NF: Tensor, y_NF: Tensor) -> float:
    found = kid_features_to_metric(x_NF, y_NF, kid_subsets=1, kid_subset_size=len(x_NF), verbose=False)
    return float(found[KEY_METRIC_KID_MEAN])


@pytest.mark.parametrize(("n", "f"), [(2, 1), (50, 3), (400, 64), (100, 300)])
@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_as_many_of_both_have_the_distance_by_torch_fidelity(n: int, f: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(n)
    x, y = (torch.randn(n, f, generator=generator, dtype=torch.float64) for _ in range(2))
    x, y = scale * x, scale * (1.5 * y + 0.5)
    assert kernel_distance(x, y).value == pytest.approx(_theirs(x, y), rel=1e-9)


def test_draws_of_one_distribution_agree_too_where_all_but_a_little_cancels() -> None:
    x, y = torch.randn(2, 300, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = kernel_distance(x, y)
    assert abs(found.value) < 3 * found.standard_error
    assert found.value == pytest.approx(_theirs(x, y), abs=1e-9)
