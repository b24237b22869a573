import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lds_mlflow.choices.domain_figures import DOMAIN_FIGURES
from lds_mlflow.data import Reading, split_examples
from lds_mlflow.domains import domain_of
from lds_mlflow.domains.images import png_of
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

IMAGES = domain_of("images")


def _image(channels: int) -> Tensor:
    return torch.randint(256, (channels, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def _pixels(png: bytes) -> Tensor:
    array = np.asarray(Image.open(io.BytesIO(png)))
    return torch.from_numpy(array.copy()).reshape(8, 8, -1).permute(2, 0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_comes_back_from_each_form_that_it_is_answered_in(channels: int) -> None:
    image = _image(channels)
    assert torch.equal(_pixels(png_of(image)), image)
    assert torch.equal(_pixels(IMAGES.file_content(image)), image)
    assert torch.equal(_pixels(base64.b64decode(IMAGES.formats["png"](image))), image)
    array = torch.tensor(IMAGES.formats["array"](image), dtype=torch.uint8)
    assert torch.equal(array.permute(2, 0, 1), image)


def test_the_first_form_is_the_default_and_a_file_ends_like_it() -> None:
    assert (next(iter(IMAGES.formats)), IMAGES.suffix, IMAGES.column) == ("png", ".png", "image")


def test_there_is_a_page_to_look_at_images() -> None:
    assert IMAGES.gallery is not None
    assert "<html" in IMAGES.gallery.page.read_text(encoding="utf-8")
    assert {IMAGES.gallery.picture, IMAGES.gallery.archived} <= set(IMAGES.formats)


def test_images_have_no_files_and_no_figures_beside_their_pictures() -> None:
    image = _image(1)[None]
    assert IMAGES.files(image) == {}
    assert IMAGES.name not in DOMAIN_FIGURES


def test_images_are_read_described_and_scaled() -> None:
    digits = IMAGES.load("digits", Reading())
    assert digits.domain == IMAGES.name
    assert IMAGES.describe(digits) == "1,797 images of 8x8x1"
    x = IMAGES.scale.to_model(digits.examples_N)
    assert (x.min().item(), x.max().item()) == (-1, 1)


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Check the path"):
        IMAGES.describe_source(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="Check the path"):
        IMAGES.load(str(tmp_path / "nowhere"), Reading())


def test_every_source_with_a_name_may_be_of_images() -> None:
    assert IMAGES.takes("anything")
    assert not IMAGES.takes("")


def test_nearly_the_same_image_in_two_parts_is_a_near_duplicate() -> None:
    noise = torch.randint(255, (20, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    alike = _image(1) // 2 + torch.arange(20, dtype=torch.uint8)[:, None, None, None]
    for images, are_near in ((noise, False), (alike, True)):
        examples = ExampleSet("twenty", images, tuple(map(str, range(20))))
        splits = split_examples(examples, select_fraction=0.2, test_fraction=0.2, reserve_fraction=0, seed=0)
        assert (IMAGES.near_duplicates(splits).total > 0) == are_near


def test_pictures_hold_all_that_is_shown() -> None:
    images = torch.stack([_image(1)] * 4)
    assert IMAGES.grid(images).width >= 8
    assert IMAGES.pairs(images, images).height >= 2 * 8
    assert IMAGES.bands(images, torch.arange(4, 0, -1).double(), bands=2, per_band=2).axes


def test_the_classifier_comes_back_from_its_weights_and_tells_classes() -> None:
    digits = IMAGES.load("digits", Reading()).spread(60)
    weights = IMAGES.train_classifier(digits, steps=2, seed=0, device="cpu")
    classes = IMAGES.open_classifier(weights, "cpu").classes(digits.examples_N)
    assert classes.shape == (60,)
    assert classes.max() < 10


def test_without_labels_there_is_no_classifier() -> None:
    unlabelled = ExampleSet("one", _image(1)[None], ("a",))
    with pytest.raises(DataError):
        IMAGES.train_classifier(unlabelled, steps=1, seed=0, device="cpu")


def test_a_sharp_image_scores_above_a_flat_one() -> None:
    flat = torch.full((1, 8, 8), 7, dtype=torch.uint8)
    sharp, dull = IMAGES.qualities["sharpness"].measure(torch.stack([_image(1), flat])).tolist()
    assert sharp > dull == 0
