from lds_mlflow.choices.presets import (
    LARGEST,
    PRESETS,
    SEQUENCES,
    SMALLEST_THAT_FITS,
    named_preset,
    smallest_preset,
    usual_preset,
)


def test_the_largest_preset_holds_the_largest_images() -> None:
    assert PRESETS[LARGEST].resolution == max(preset.resolution for preset in PRESETS.values())


def test_what_stands_for_the_smallest_that_fits_is_no_preset() -> None:
    assert SMALLEST_THAT_FITS not in PRESETS


def test_a_preset_says_which_images_it_is_for() -> None:
    for preset in PRESETS.values():
        assert preset.says.startswith(f"{preset.resolution}x{preset.resolution}, ")
        assert ("colour" in preset.says) == (preset.channels == 3)


def test_a_kind_of_examples_has_presets_of_its_own_or_those_of_images() -> None:
    assert smallest_preset(resolution=64, channels=1) == "faces64"
    assert smallest_preset(resolution=64, channels=1, domain="sound") == "sound64"
    assert smallest_preset(resolution=64, channels=1, domain="smells") == "faces64"


def test_sequences_have_a_preset_of_their_own_and_every_preset_has_one_name() -> None:
    assert usual_preset((70,), "molecules") is SEQUENCES["tokens"] is named_preset("tokens")
    assert usual_preset((1, 8, 8), "images") is PRESETS["digits"] is named_preset("digits")
    assert not PRESETS.keys() & SEQUENCES.keys()
