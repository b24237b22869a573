import pytest

from lds_mlflow.choices.adversaries import ADVERSARIES, adversary_for


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_number_of_channels_has_an_adversary(channels: int) -> None:
    assert adversary_for(channels) in ADVERSARIES


def test_colour_has_the_balanced_one() -> None:
    assert [adversary_for(channels) for channels in (1, 3)] == ["joint", "balanced"]
