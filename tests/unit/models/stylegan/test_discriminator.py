import pytest
import torch

from lds_mlflow.models.stylegan import VAE, Discriminator
from tests.tiny import SPEC


def _discriminator() -> Discriminator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Discriminator(SPEC.channels, SPEC.widths)


def _images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("n", [4, 5])
def test_sets_are_judged_as_if_each_were_alone(n: int) -> None:
    discriminator = _discriminator()
    some, others = _images(2 * n).chunk(2)
    together = discriminator(torch.cat([some, others]), sets=2)
    alone = torch.cat([discriminator(some), discriminator(others)])
    torch.testing.assert_close(together, alone)
    assert not torch.isclose(together, discriminator(torch.cat([some, others]))).all()


def test_an_image_has_one_logit() -> None:
    logits = _discriminator()(_images(8))
    assert (logits.shape, logits.dtype) == ((8,), torch.float32)
    assert logits.isfinite().all()


def test_logits_are_float32_where_convolutions_are_bfloat16() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert _discriminator()(_images(4)).dtype == torch.float32


def test_a_copy_in_the_group_is_told_from_another_image() -> None:
    images = _images(4)
    alike = images[:1].repeat(4, 1, 1, 1)
    assert not torch.isclose(_discriminator()(alike)[0], _discriminator()(images)[0])


def test_the_last_images_of_an_odd_batch_are_told_too_and_one_alone() -> None:
    assert _discriminator()(_images(5)).shape == (5,)
    assert _discriminator()(_images(1)).isfinite().all()


def test_a_model_makes_one_for_its_own_images() -> None:
    made = VAE.initialised(SPEC, 0).new_discriminator()
    assert isinstance(made, Discriminator)
    assert made(_images(2)).shape == (2,)


def test_a_judgement_is_the_logits_and_the_features_after_the_middle_block() -> None:
    discriminator, images = Discriminator(1, (8, 7, 6, 5)), torch.rand(4, 1, 32, 32)
    logits, features = discriminator.judge(images)
    assert torch.equal(logits, discriminator(images))
    assert features.shape == (4, 7, 8, 8)
