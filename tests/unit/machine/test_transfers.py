import pytest
import torch

from lds_mlflow.machine.transfers import to_device

CPU = torch.device("cpu")

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8])
def test_what_is_on_the_device_is_not_copied(dtype: torch.dtype) -> None:
    tensor = torch.arange(3).to(dtype)
    assert to_device(tensor, CPU) is tensor


def test_a_tensor_without_numbers_goes_too() -> None:
    assert to_device(torch.zeros(0, 4), CPU).shape == (0, 4)


@on_gpu
@pytest.mark.parametrize("shape", [(), (0, 4), (5, 3)])
def test_a_gpu_gets_the_numbers_without_a_wait_for_it(shape: tuple[int, ...]) -> None:
    tensor, gpu = torch.randn(shape), torch.device("cuda")
    to_device(tensor, gpu)
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = to_device(tensor, gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert found.is_cuda
    assert torch.equal(found.cpu(), tensor)


@on_gpu
def test_what_is_on_a_gpu_comes_back() -> None:
    tensor = torch.randn(3)
    assert torch.equal(to_device(tensor.cuda(), CPU), tensor)
