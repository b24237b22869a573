import pytest

from lds_mlflow.config import CalibrateConfig
from lds_mlflow.data import load_digits
from lds_mlflow.latent import bandwidth
from lds_mlflow.metrics import train_classifier
from lds_mlflow.recipes.calibration import MULTIPLES
from lds_mlflow.recipes.models import codec_of
from lds_mlflow.steps import calibrate
from lds_mlflow.values import Calibration, ExampleSet
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, KeptRun, surroundings


@pytest.fixture(scope="module")
def calibrated(digits: GivenRun) -> tuple[str, KeptRun]:
    """The sentence and the run of a calibration, of which the part test is out of reach."""
    classifier = train_classifier(load_digits(), steps=2, seed=0).to_weights()
    parts = {name: part for name, part in digits.values.items() if name != "test"}
    inputs = {
        "data": GivenRun("data", parts),
        "model": GivenRun("train", {"model": WEIGHTS}),
        "classifier": GivenRun("classifier", {"classifier": classifier}),
    }
    context, own = surroundings(inputs)
    return calibrate.run(CalibrateConfig(), context), own


def test_the_width_is_stored_as_a_multiple_of_the_drafts(calibrated: tuple[str, KeptRun], digits: GivenRun) -> None:
    found = calibrated[1].values["calibration"]
    assert isinstance(found, Calibration)
    train = digits.load(ExampleSet, "train")
    width = bandwidth(codec_of(WEIGHTS, train, "cpu").encode(train.examples_N).mean, "norm/5").sigma
    assert found.sigma == found.multiple * width
    assert found.n_samples == 24


def test_the_choice_is_logged_with_a_table_and_a_chart_of_the_curve(calibrated: tuple[str, KeptRun]) -> None:
    _, own = calibrated
    found = own.values["calibration"]
    assert own.figures == {"multiple": found.multiple, "sigma": found.sigma}
    assert own.metrics == {"sigma": found.sigma}
    assert own.params == {"extractor": found.extractor}
    assert own.tables["calibration.csv"]["fid"].tolist() == list(found.curve["fid"])
    assert own.tables["calibration.csv"]["multiple"].tolist() == list(MULTIPLES)
    assert "pictures/calibration.png" in own.pictures


def test_the_sentence_has_the_figures_of_what_was_chosen(calibrated: tuple[str, KeptRun]) -> None:
    sentence, own = calibrated
    found = own.values["calibration"]
    at = MULTIPLES.index(found.multiple)
    assert f"{found.multiple:g} x norm/5: FID {found.curve['fid'][at]:.3g}" in sentence
    assert ("no multiple keeps the limits on copies" in sentence) is not found.qualifies
