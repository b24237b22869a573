import torch

from lds_mlflow.data import load_digits


def test_the_digits_are_8x8_grey_bytes_that_use_the_whole_range() -> None:
    pixels = load_digits().examples_N
    assert pixels.shape == (1797, 1, 8, 8)
    assert pixels.dtype == torch.uint8
    assert (pixels.min().item(), pixels.max().item()) == (0, 255)


def test_every_digit_has_a_name_of_its_own_and_one_of_ten_classes() -> None:
    digits = load_digits()
    assert len(set(digits.ids_N)) == len(digits) == 1797
    assert digits.class_names_K == tuple("0123456789")
    assert digits.labels_N is not None
    assert digits.labels_N.unique().tolist() == list(range(10))


def test_the_labels_tell_what_is_drawn() -> None:
    # A zero is hollow and a one is not, at the four pixels in the middle.
    digits = load_digits()
    assert digits.labels_N is not None
    middle = digits.examples_N[:, 0, 3:5, 3:5].float().mean((1, 2))
    assert middle[digits.labels_N == 0].mean() < 40
    assert middle[digits.labels_N == 1].mean() > 150


def test_a_resolution_enlarges_the_digits_and_keeps_their_names() -> None:
    small, large = load_digits(), load_digits(resolution=16)
    assert large.examples_N.shape == (1797, 1, 16, 16)
    assert large.ids_N == small.ids_N
    brightness = (large.examples_N.float().mean() - small.examples_N.float().mean()).abs()
    assert brightness < 5


def test_loading_the_digits_twice_gives_the_same_digest() -> None:
    assert load_digits().digest == load_digits().digest
    assert load_digits().digest != load_digits(resolution=16).digest
