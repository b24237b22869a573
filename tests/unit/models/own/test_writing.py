from dataclasses import replace
from pathlib import Path

import torch

from lds_mlflow.models import Codec
from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.folder import read_pair
from lds_mlflow.models.own.pair import ExportedPair
from lds_mlflow.models.own.writing import write_pair
from lds_mlflow.models.stylegan import VAE
from tests.own import FACTS, own_weights
from tests.tiny import SPEC, random_images


def test_a_model_of_the_project_comes_back_with_its_latents_images_and_prior(tmp_path: Path) -> None:
    model = VAE.initialised(replace(SPEC, prior="vamp", components=3, noise_inputs=True), 0).eval()
    assert model.decoder.noise is not None
    torch.nn.init.ones_(model.decoder.noise.strengths)
    write_pair(model, Facts((1, 8, 8), (-1.0, 1.0), (4,), "ours"), tmp_path)
    back = ExportedPair(read_pair(tmp_path))
    images = random_images(7)
    ours, theirs = Codec(model).encode(images), Codec(back).encode(images)
    for one, other in zip(ours.moments, theirs.moments, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=0)
    z = torch.randn(5, 4)
    with torch.inference_mode():
        torch.testing.assert_close(back.decode(z), model.decode(z), atol=1e-4, rtol=0)
    prior, expected = back.prior_mixture(), model.prior_mixture()
    assert prior is not None
    assert expected is not None
    torch.testing.assert_close(prior.mean_KD, expected.mean_KD)


def test_a_pair_is_written_as_it_was_read(tmp_path: Path) -> None:
    write_pair(ExportedPair(own_weights()), FACTS, tmp_path)
    assert read_pair(tmp_path).digest == own_weights().digest
