import copy
from math import sqrt

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from lds_mlflow.models import learning_rate_factors
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training.parameters import FlatParameters, MovingAverage, SkippingAdam
from tests.tiny import SPEC

RATE, BETAS = 0.1, (0.9, 0.99)


class FastLinear(nn.Linear):
    """A layer whose weights learn three times as fast as its bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out)
        self.learning_rate_factors = {"weight": 3.0}


class Net(nn.Module):
    """Two layers, one of them fast."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.one, self.other = nn.Linear(5, 4), FastLinear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.other(torch.tanh(self.one(x)))
        return found


def _backward(parameters: FlatParameters, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(6, 5, generator=generator), torch.randn(6, 3, generator=generator)
    parameters.gradients.zero_()
    mse_loss(parameters.module(x), y).backward()


def _step(parameters: FlatParameters, optimizer: SkippingAdam, seed: int, *, skipped: bool = False) -> None:
    _backward(parameters, seed)
    optimizer.found_inf, optimizer.grad_scale = torch.tensor(float(skipped)), torch.ones(())
    optimizer.step()


def _all_of(optimizer: SkippingAdam, parameters: FlatParameters) -> list[Tensor]:
    moments = [tensor for state in optimizer.state.values() for _, tensor in sorted(state.items())]
    return [tensor.clone() for tensor in (parameters.values, *moments)]


def test_parameters_are_views_of_one_tensor_and_what_they_were() -> None:
    for module in (Net(), VAE.initialised(SPEC, 0)):
        before = copy.deepcopy(module.state_dict())
        flat = FlatParameters(module)
        begin, end = flat.values.data_ptr(), flat.values.data_ptr() + flat.values.nbytes
        for name, parameter in module.named_parameters():
            assert begin <= parameter.data_ptr() < end
            assert torch.equal(parameter, before[name])
            assert parameter.stride() == before[name].stride()
            assert parameter.data_ptr() % 256 == begin % 256
        flat.values.fill_(2)
        assert all((parameter == 2).all() for parameter in module.parameters())


def test_backward_writes_into_one_tensor() -> None:
    plain, module = Net(), Net()
    flat = FlatParameters(module)
    for seed in range(2):
        _backward(flat, seed)
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(6, 5, generator=generator), torch.randn(6, 3, generator=generator)
    mse_loss(plain(x), y).backward()
    for (name, view), parameter in zip(flat.named(flat.gradients).items(), _by_factor(plain), strict=True):
        assert parameter.grad is not None
        assert torch.equal(view, parameter.grad), name
    assert flat.gradients.count_nonzero() == sum(parameter.numel() for parameter in module.parameters())


def _by_factor(module: nn.Module) -> list[nn.Parameter]:
    factors = learning_rate_factors(module)
    return [parameter for _, parameter in sorted(module.named_parameters(), key=lambda item: factors[item[0]])]


def test_what_is_frozen_is_left_where_it_is() -> None:
    module = Net()
    module.one.requires_grad_(False)
    place = module.one.weight.data_ptr()
    flat = FlatParameters(module)
    assert flat.named(flat.values).keys() == {"other.weight", "other.bias"}
    assert module.one.weight.data_ptr() == place
    assert module.one.weight.grad is None


def test_weights_that_are_loaded_are_those_that_are_trained() -> None:
    module, other = Net(), Net()
    flat = FlatParameters(module)
    nn.init.constant_(other.one.weight, 7)
    module.load_state_dict(other.state_dict())
    assert (flat.named(flat.values)["one.weight"] == 7).all()


def test_steps_are_those_of_adam_with_a_learning_rate_for_each_factor() -> None:
    plain, module = Net(), Net()
    flat = FlatParameters(module)
    ours = flat.adam(RATE, BETAS)
    factors = learning_rate_factors(plain)
    groups = [{"params": [p], "lr": factors[name] * RATE} for name, p in plain.named_parameters()]
    wanted = torch.optim.Adam(groups, betas=BETAS)
    for seed in range(4):
        _step(flat, ours, seed)
        generator = torch.Generator().manual_seed(seed)
        x, y = torch.randn(6, 5, generator=generator), torch.randn(6, 3, generator=generator)
        wanted.zero_grad()
        mse_loss(plain(x), y).backward()
        wanted.step()
    for one, other in zip(module.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert flat.values.count_nonzero() == sum(parameter.numel() for parameter in module.parameters())


def test_the_norm_of_a_gradient_is_of_weights_before_their_factors() -> None:
    flat = FlatParameters(Net())
    _backward(flat, 0)
    factors = learning_rate_factors(flat.module)
    wanted = sum(
        (factors[name] * p.grad).square().sum().item()
        for name, p in flat.module.named_parameters()
        if p.grad is not None
    )
    assert flat.gradient_norm().item() == pytest.approx(sqrt(wanted))
    flat.gradients[0] = torch.nan
    assert flat.gradient_norm().isnan()


@pytest.mark.parametrize("poison", [0.0, torch.nan, torch.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_a_skipped_step_changes_neither_weights_nor_moments_nor_the_count_of_steps(place: int, poison: float) -> None:
    flat, undisturbed = FlatParameters(Net()), FlatParameters(Net())
    ours, wanted = flat.adam(RATE, BETAS), undisturbed.adam(RATE, BETAS)
    for seed in range(4):
        if seed == place:
            before = _all_of(ours, flat)
            _backward(flat, 99)
            flat.gradients += poison
            ours.found_inf, ours.grad_scale = torch.ones(()), torch.tensor(torch.nan)
            ours.step()
            # The first step makes the moments, which are 0.
            assert all(torch.equal(a, b) for a, b in zip(before, _all_of(ours, flat), strict=False))
        _step(flat, ours, seed)
        _step(undisturbed, wanted, seed)
    assert all(torch.equal(a, b) for a, b in zip(_all_of(ours, flat), _all_of(wanted, undisturbed), strict=True))
    assert {int(state["step"]) for state in ours.state.values()} == {4}


def test_gradients_are_divided_by_their_scale() -> None:
    flat, other = FlatParameters(Net()), FlatParameters(Net())
    ours, wanted = flat.adam(RATE, BETAS), other.adam(RATE, BETAS)
    for parameters, optimizer, scale in ((flat, ours, 8.0), (other, wanted, 1.0)):
        _backward(parameters, 0)
        parameters.gradients *= scale
        optimizer.found_inf, optimizer.grad_scale = torch.zeros(()), torch.tensor(scale)
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(_all_of(ours, flat), _all_of(wanted, other), strict=True))


def test_an_optimizer_goes_on_from_a_stored_state() -> None:
    flat, other = FlatParameters(Net()), FlatParameters(Net())
    ours, again = flat.adam(RATE, BETAS), other.adam(RATE, BETAS)
    _step(flat, ours, 0)
    again.load_state_dict(copy.deepcopy(ours.state_dict()))
    other.module.load_state_dict(flat.module.state_dict())
    for parameters, optimizer in ((flat, ours), (other, again)):
        _step(parameters, optimizer, 1)
    assert torch.equal(flat.values, other.values)


def test_an_average_begins_with_the_weights_and_follows_them() -> None:
    flat = FlatParameters(Net())
    average = MovingAverage(flat)
    before = flat.values.clone()
    assert torch.equal(average.values, before)
    flat.values += 1
    assert torch.equal(average.values, before)
    average.update(torch.tensor(0.25))
    torch.testing.assert_close(average.values, before + 0.25)
    average.update(torch.zeros(()))
    torch.testing.assert_close(average.values, before + 0.25, rtol=0, atol=0)


def test_an_average_is_copied_to_a_copy_of_the_module_and_leaves_what_is_frozen() -> None:
    module = Net()
    module.one.requires_grad_(False)
    copied = copy.deepcopy(module)
    nn.init.constant_(copied.one.weight, 5)
    flat = FlatParameters(module)
    average = MovingAverage(flat)
    average.values.fill_(2)
    average.copy_to(copied)
    assert (copied.other.weight == 2).all()
    assert (copied.one.weight == 5).all()
    assert not (module.other.weight == 2).any()
