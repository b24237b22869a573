"""The trained parameters of a module side by side in one tensor: an update, a norm or an average is one operation."""

from itertools import groupby
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from lds_mlflow.models import learning_rate_factors

__all__ = ["FlatParameters", "MovingAverage", "SkippingAdam"]

_ALIGNMENT = 64
"""Every parameter begins at a multiple of so many numbers, as fast kernels need it."""


class SkippingAdam(Adam):
    """Adam (Kingma and Ba, 2015) in one pass over memory, which on the device decides whether it takes a step.

    Attributes:
        found_inf: 1 on the device where the step is to change nothing, otherwise 0.
        grad_scale: What gradients are divided by, on the device.
        rates: The learning rate of each group, on the device; `fall_to` sets them.
    """

    found_inf: Tensor
    grad_scale: Tensor
    rates: Tensor

    def fall_to(self, factor: Tensor) -> None:
        """Sets the learning rates to a factor, a scalar on the device, times what they were at the beginning."""
        torch.mul(self._first_rates, factor, out=self.rates)

    def begin_at(self, rates: Tensor) -> None:
        """Sets the learning rates of the groups, [G] on the device."""
        self._first_rates, self.rates = rates.clone(), rates
        self._share_rates()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See torch.optim.Optimizer; the learning rates stay what they are."""
        super().load_state_dict(state)
        self._share_rates()

    def _share_rates(self) -> None:
        for group, rate in zip(self.param_groups, self.rates, strict=True):
            group["lr"] = rate


class FlatParameters:
    """The parameters of a module that require a gradient, and their gradients, each as one flat tensor.

    The module's own parameters become views of these, so that both see the same numbers. Parameters with the same
    factor on the learning rate lie together.

    Args:
        module: The module.

    Attributes:
        values: The parameters, float32 [P]; there are gaps between some, which are 0.
        gradients: The gradients, likewise.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        factors = {name: float(f"{factor:.9g}") for name, factor in learning_rate_factors(module).items()}
        trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
        names = sorted(trained, key=factors.__getitem__)
        self._starts: dict[str, int] = {}
        ends: dict[float, int] = {}
        end = 0
        for factor, group in groupby(names, key=factors.__getitem__):
            for name in group:
                self._starts[name] = end
                end += ceil(trained[name].numel() / _ALIGNMENT) * _ALIGNMENT
            ends[factor] = end
        like = next(module.parameters())
        self.values, self.gradients = like.new_zeros(end), like.new_zeros(end)
        self._groups = [
            self._group(slice(start, stop)) for start, stop in zip([0, *ends.values()], ends.values(), strict=False)
        ]
        self._factors_on_device = torch.tensor(list(ends), dtype=like.dtype, device=like.device)
        self._norms = torch.empty_like(self._factors_on_device)
        self._places_of_norms = list(self._norms)
        gradients = self.named(self.gradients)
        for name, place in self.named(self.values).items():
            place.copy_(trained[name].detach())
            trained[name].data, trained[name].grad = place, gradients[name]

    def _group(self, part: slice) -> nn.Parameter:
        group = nn.Parameter(self.values[part])
        group.grad = self.gradients[part]
        return group

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Returns views of a tensor that is laid out as `values`, by the names of the parameters, in their shapes."""
        parameters = dict(self.module.named_parameters())
        return {
            name: flat.as_strided(parameters[name].shape, parameters[name].stride(), start)
            for name, start in self._starts.items()
        }

    def adam(self, learning_rate: float, betas: tuple[float, float]) -> SkippingAdam:
        """Returns an optimizer of the values, with each parameter's factor on the learning rate."""
        groups = [{"params": [group]} for group in self._groups]
        optimizer = SkippingAdam(groups, betas=betas, fused=True, capturable=self.values.is_cuda)
        optimizer.begin_at(learning_rate * self._factors_on_device)
        return optimizer

    def gradient_norm(self) -> Tensor:
        """Returns the norm of the gradient, a scalar, by weights before the factors of equalized learning rates."""
        for group, place in zip(self._groups, self._places_of_norms, strict=True):
            torch.linalg.vector_norm(group.grad, out=place)
        norm: Tensor = torch.linalg.vector_norm(self._factors_on_device * self._norms)
        return norm


class MovingAverage:
    """The exponential moving average of parameters over the steps.

    Args:
        parameters: The parameters.
    """

    def __init__(self, parameters: FlatParameters) -> None:
        self.parameters = parameters
        self.values = parameters.values.clone()

    def update(self, weight: Tensor) -> None:
        """Moves the average towards the present values, by their weight in it: a scalar on the device."""
        self.values.lerp_(self.parameters.values, weight)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Sets the parameters of a copy of the module to the average."""
        own = dict(module.named_parameters())
        for name, values in self.parameters.named(self.values).items():
            own[name].copy_(values)
