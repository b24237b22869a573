import base64
import io
import json
import zipfile
from dataclasses import replace

import pytest
import torch

from lds_mlflow.domains import domain_of
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import latent_density, standard_normal
from lds_mlflow.samplers.classes import with_classes
from lds_mlflow.serving.gallery import about, archive_of, page_of
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import Sampler, with_densities
from lds_mlflow.values import ExampleSet
from tests.tiny import SPEC, random_images


@pytest.fixture
def sampler() -> Sampler:
    z_ND = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    density = with_densities(with_classes(latent_density(z_ND, sigma="0.5"), torch.arange(20) % 2, ("a", "</script>")))
    named = dict.fromkeys(DISTRIBUTIONS, standard_normal(4)) | {"density": density}
    kept = ExampleSet("noise", random_images(2), ("0", "1"), torch.tensor([1, 0]), ("a", "</script>"))
    return Sampler(VAE.initialised(SPEC, 0).eval(), domain_of("images"), named, kept)


def test_a_page_says_what_its_model_is_and_what_can_be_asked_of_it(sampler: Sampler) -> None:
    found = about(sampler, {"name": "faces", "version": "3"})
    assert found["facts"] == {"name": "faces", "version": "3"}
    assert found["classes"] == ["a", "</script>"]
    assert [(one["name"], one["classes"], one["balance"]) for one in found["samplers"]] == [
        ("chosen", False, False),
        ("prior", False, False),
        ("aggregate", False, False),
        ("density", True, True),
    ]
    assert found["labels"] == ["</script>", "a"]
    assert base64.b64decode(found["real"][0]).startswith(b"\x89PNG")
    assert (found["noun"], found["column"], found["picture"], found["besides"]) == ("image", "image", "png", {})


def test_a_page_of_a_model_that_keeps_no_examples_shows_none(sampler: Sampler) -> None:
    without = Sampler(sampler.codec.model, sampler.domain, sampler.distributions)
    assert (about(without, {})["real"], about(without, {})["labels"]) == ([], [])
    assert sampler.examples is not None
    unlabelled = replace(sampler.examples, labels_N=None, class_names_K=())
    assert about(Sampler(without.codec.model, without.domain, without.distributions, unlabelled), {})["labels"] == []


def test_no_name_ends_the_element_that_the_facts_are_in(sampler: Sampler) -> None:
    page = page_of(sampler, {"name": "</script><b>"})
    assert page is not None
    assert page.count("</script>") == 2
    content = page.split('id="about">')[1].split("</script>")[0]
    assert json.loads(content)["facts"]["name"] == "</script><b>"


def test_an_archive_has_every_picture_and_a_table(sampler: Sampler) -> None:
    answer = sampler.predict([5, 5], {"nearest": True})
    with zipfile.ZipFile(io.BytesIO(archive_of(answer, sampler.domain))) as archive:
        assert archive.namelist() == [
            *(f"{number}-seed-5-{kind}.png" for number in ("001", "002") for kind in ("image", "nearest")),
            "samples.csv",
        ]
        assert archive.read("002-seed-5-nearest.png") == base64.b64decode(answer["nearest"][1])
        header, *rows = archive.read("samples.csv").decode().splitlines()
    assert header == "seed,log_lds,denser_than,denser_than_samples,reached,nearest_distance,nearest_spacing"
    assert [row.split(",")[0] for row in rows] == ["5", "5"]
