import pytest
import torch
from torch import nn

from lds_mlflow.models import learning_rate_factors
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.models.stylegan.layers import EqualLinear
from tests.tiny import SPEC


class Layer(nn.Module):
    """A layer of which one parameter learns faster."""

    def __init__(self) -> None:
        super().__init__()
        self.fast, self.plain = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
        self.learning_rate_factors = {"fast": 3.0}


class Net(nn.Module):
    """A network with a parameter of its own, a layer with factors, and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.zeros(1))
        self.parts = nn.ModuleList([Layer(), nn.Linear(2, 1, bias=False)])


def test_every_parameter_has_the_factor_that_its_layer_gives_it_or_1() -> None:
    assert learning_rate_factors(Net()) == {"own": 1, "parts.0.fast": 3, "parts.0.plain": 1, "parts.1.weight": 1}


def test_a_layer_alone_gives_its_own() -> None:
    assert learning_rate_factors(Layer()) == {"fast": 3, "plain": 1}
    assert learning_rate_factors(nn.ReLU()) == {}


def test_a_layer_without_a_bias_has_no_factor_of_one() -> None:
    assert learning_rate_factors(nn.Sequential(EqualLinear(4, 2, gain=3))) == {
        "0.weight": pytest.approx(1.5),
        "0.bias": 1,
    }


def test_every_parameter_of_a_model_has_a_factor() -> None:
    model = VAE.initialised(SPEC, 0)
    factors = learning_rate_factors(model)
    assert factors.keys() == dict(model.named_parameters()).keys()
    assert all(factor > 0 for factor in factors.values())
