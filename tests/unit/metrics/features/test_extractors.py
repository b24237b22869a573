import pytest
import torch
from torch import Tensor

from lds_mlflow.metrics import Classifier, ClassifierExtractor
from lds_mlflow.metrics.features import extractors


def _images(n: int) -> Tensor:
    return torch.randint(256, (n, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def _classifier(seed: int = 0) -> ClassifierExtractor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ClassifierExtractor(Classifier(8, 1, n_classes=4).to_weights())


def test_the_classifier_s_features_are_those_before_its_classes() -> None:
    extractor, images = _classifier(), _images(5)
    found = extractor.features(images)
    assert (found.shape, found.dtype) == ((5, 64), torch.float32)
    torch.testing.assert_close(found, extractor.model.features(images.float() / 127.5 - 1).detach())


def test_the_classifier_tells_a_class_an_image() -> None:
    extractor, images = _classifier(), _images(5)
    with torch.inference_mode():
        logits = extractor.model.head(extractor.features(images))
    assert torch.equal(extractor.classes(images), logits.argmax(1))


def test_neither_order_nor_batch_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, images = _classifier(), _images(7)
    whole = extractor.features(images)
    monkeypatch.setattr(extractors, "_BATCH", 3)
    torch.testing.assert_close(extractor.features(images.flip(0)).flip(0), whole)


def test_the_classifier_takes_images_as_they_are() -> None:
    assert _classifier().resize == "none"


def test_the_classifier_s_name_follows_its_weights() -> None:
    assert _classifier(seed=0).name == _classifier(seed=0).name != _classifier(seed=1).name
    assert _classifier().name.startswith("classifier-")
