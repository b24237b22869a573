import torch

from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import FitHooks, FitTask
from lds_mlflow.training.plan import ExampleForm
from tests.tiny import PLAN, SPEC, random_images

MODEL = VAE.initialised(SPEC, 0)


def test_the_form_of_a_task_is_that_of_its_examples() -> None:
    form = FitTask(MODEL, random_images(24), PLAN).form
    assert form == ExampleForm(n=24, n_decoded=0, shape=(1, 8, 8), dtype=torch.uint8)


def test_latents_that_the_encoder_is_to_find_count_as_decoded_examples() -> None:
    assert FitTask(MODEL, random_images(24), PLAN, z_AD=torch.zeros(5, 4)).form.n_decoded == 5


def test_a_fit_that_nothing_watches_is_not_stopped() -> None:
    hooks = FitHooks()
    hooks.on_metrics(1, {"loss": 1.0})
    hooks.on_checkpoint(1, MODEL)
    assert not hooks.stop()
