import pytest
import torch

from lds_mlflow.errors import DataError
from lds_mlflow.latent.checks import require_finite
from tests.unit.latent.conftest import gaussian


def test_finite_latents_pass_even_where_their_sum_is_not_finite() -> None:
    require_finite(gaussian(5, 3), "latent")
    require_finite(torch.full((2, 4), 3e38), "latent")


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_the_first_row_that_is_not_finite_is_named_with_how_many_there_are(value: float) -> None:
    z = gaussian(6, 3)
    z[2, 1] = z[4, 0] = value
    with pytest.raises(DataError) as caught:
        require_finite(z, "latent")
    assert caught.value.what == "latent 2"
    assert "2 such rows" in caught.value.found
