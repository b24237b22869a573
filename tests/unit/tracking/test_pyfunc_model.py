from pathlib import Path

import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException

from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import aggregate_gaussian, latent_density, standard_normal
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import save_sampler, with_densities
from lds_mlflow.tracking.pyfunc_model import ServedSampler
from tests.tiny import SPEC


@pytest.fixture
def served(tmp_path: Path) -> ServedSampler:
    z_ND = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    density = with_densities(latent_density(z_ND, sigma="0.5"))
    named = {"chosen": density, "prior": standard_normal(4), "aggregate": aggregate_gaussian(z_ND, None)}
    save_sampler(
        tmp_path, VAE.initialised(SPEC, 0).to_weights(), {name: named.get(name, density) for name in DISTRIBUTIONS}
    )
    return ServedSampler(tmp_path)


def test_it_answers_as_the_sampler_that_it_holds(served: ServedSampler) -> None:
    rows = pd.DataFrame({"seed": [3, 4]})
    pd.testing.assert_frame_equal(served.predict(rows), served.get_raw_model().predict(rows))


def test_a_request_that_can_not_be_answered_is_an_invalid_parameter_and_a_sentence(served: ServedSampler) -> None:
    with pytest.raises(MlflowException, match="sampler: found flow; expected chosen") as raised:
        served.predict(pd.DataFrame({"seed": [1]}), {"sampler": "flow"})
    assert raised.value.get_http_status_code() == 400
    assert raised.value.__cause__ is None
