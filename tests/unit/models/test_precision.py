import torch

from lds_mlflow.models.precision import in_float32


def test_within_bfloat16_a_product_stays_in_float32() -> None:
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with in_float32(x):
            assert (x @ x).dtype == torch.float32
        assert (x @ x).dtype == torch.bfloat16
