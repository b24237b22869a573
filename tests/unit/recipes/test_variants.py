import pytest
import torch

from lds_mlflow.choices import load
from lds_mlflow.choices.variants import VARIANTS
from lds_mlflow.errors import ConfigError
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.variants import find_latents
from lds_mlflow.values import AugmentationSet
from tests.tiny import SPEC, random_images

A = AugmentationSet(random_images(2), torch.ones(2, 4))


@pytest.mark.parametrize(
    ("name", "trains_the_encoder", "finds"), [("whole", True, None), ("decoder", False, None), ("consistency", True, A)]
)
def test_a_variant_says_what_is_trained(name: str, trains_the_encoder: bool, finds: AugmentationSet | None) -> None:
    model = VAE.initialised(SPEC, 0)
    z_AD = load(VARIANTS[name].at)(model, A)
    assert z_AD is (finds and finds.z_AD)
    assert {parameter.requires_grad for parameter in model.encoder.parameters()} == {trains_the_encoder}
    assert all(parameter.requires_grad for parameter in model.decoder.parameters())


@pytest.mark.parametrize(
    ("augmentation", "found"),
    [
        (None, "no A (augment_run=none)"),
        (AugmentationSet(random_images(2), None), "an A that was not decoded from latents"),
    ],
)
def test_without_latents_there_is_nothing_to_find(augmentation: AugmentationSet | None, found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_latents(VAE.initialised(SPEC, 0), augmentation)
    assert (caught.value.what, caught.value.found) == ("finetune_variant=consistency", found)
    assert "another finetune_variant" in caught.value.remedy
