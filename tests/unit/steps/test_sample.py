import io

import numpy as np
import pytest
import torch
from PIL import Image

from lds_mlflow.config import SampleConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.recipes.models import codec_of
from lds_mlflow.samplers import Generator, prior_of
from lds_mlflow.steps.sample import run
from lds_mlflow.values import ExampleSet
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, surroundings

CONFIG = SampleConfig(sampler="prior", count=3, sample_seed=5, truncation=0.5)


def test_every_seed_has_a_file_of_its_own_with_its_sample(digits: GivenRun) -> None:
    context, own = surroundings({"data": digits, "model": GivenRun("finetune", {"model": WEIGHTS})})
    sentence = run(CONFIG, context)
    codec = codec_of(WEIGHTS, digits.load(ExampleSet, "train"), "cpu")
    samples = Generator(codec, prior_of(codec)).samples([5, 6, 7], truncation=0.5)
    assert sentence == f"3 samples, seeds 5 to 7, truncation 0.5, from {prior_of(codec).name}"
    assert sorted(own.files["samples"]) == ["000005.png", "000006.png", "000007.png"]
    for seed, sample in zip((5, 6, 7), samples, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(own.files["samples"][f"{seed:06d}.png"])))
        assert (pixels == sample[0].numpy()).all()
    assert own.pictures == {"pictures/samples.png"}


def test_samples_of_a_class_are_decoded_latents_around_those_of_that_class(digits: GivenRun) -> None:
    context, own = surroundings({"data": digits, "model": GivenRun("finetune", {"model": WEIGHTS})})
    # So narrow that samples are reconstructions.
    sentence = run(SampleConfig(count=6, sampler_sigma="1e-6", sample_label="3"), context)
    train = digits.load(ExampleSet, "train")
    codec = codec_of(WEIGHTS, train, "cpu")
    assert train.labels_N is not None
    of_class = train.take(torch.nonzero(train.labels_N == train.class_names_K.index("3"))[:, 0])
    rebuilt = codec.decode(codec.encode(of_class.examples_N).mean)[:, 0].numpy()
    for file in own.files["samples"].values():
        pixels = np.asarray(Image.open(io.BytesIO(file)))
        assert (abs(rebuilt.astype(int) - pixels).max((1, 2)) <= 1).any()
    assert sentence.endswith("from the latent density, sigma 1e-06, class 3")


def test_shares_that_are_asked_for_are_said(digits: GivenRun) -> None:
    context, _ = surroundings({"data": digits, "model": GivenRun("finetune", {"model": WEIGHTS})})
    sentence = run(SampleConfig(count=2, sampler_sigma="0.1", balance="3:0.5,4:0.5"), context)
    assert sentence.endswith("sigma 0.1, balance=3:0.5,4:0.5")


def test_samples_that_are_no_images_are_files_of_their_own_kind(vectors: GivenRun, first_number: GivenRun) -> None:
    context, own = surroundings({"data": vectors, "model": first_number})
    run(CONFIG, context)
    assert sorted(own.files["samples"]) == ["000005.csv", "000006.csv", "000007.csv"]


def test_a_model_of_other_examples_makes_no_samples(vectors: GivenRun, of_images: GivenRun) -> None:
    context, own = surroundings({"data": vectors, "model": of_images})
    with pytest.raises(ConfigError, match="a model of images, with examples that are vectors"):
        run(CONFIG, context)
    assert own.files == {}
