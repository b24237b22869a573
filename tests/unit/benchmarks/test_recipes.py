import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from benchmarks.recipe_tables import cell, headlines, side_by_side, table
from benchmarks.recipes import Found, Kept, main
from lds_mlflow.choices.figures import SUMMARY
from lds_mlflow.config import TrainConfig, parse_all

_NOTHING = dict.fromkeys(SUMMARY, 1.0)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _rows(prior: float, drafts: float, calibrated: float) -> dict[str, dict[str, float]]:
    by_row = {"prior": prior, "density, isotropic, norm/5": drafts, "density, isotropic, calibrated": calibrated}
    floor = {"real training images": {"fid": 0.5, "coverage": 1.0, "density": 1.0}}
    return floor | {name: {**_NOTHING, "fid": fid} for name, fid in by_row.items()}


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["--quick", *arguments])


def test_a_cell_has_the_mean_over_seeds_and_its_interval() -> None:
    assert cell([1.0, 2.0, 3.0]) == "2 (-0.484 to 4.48)"


@pytest.mark.parametrize(
    ("values", "shown"), [([], ""), ([0.25], "0.25"), ([2.0, 2.0], "2"), ([20000.0], "20,000"), ([-1234.5], "-1,234")]
)
def test_a_cell_without_an_interval_has_the_value_alone(values: list[float], shown: str) -> None:
    assert cell(values) == shown


def test_a_table_has_paired_differences_whose_intervals_are_of_differences() -> None:
    lines = table([_rows(10, 6, 5), _rows(20, 16, 15)]).splitlines()
    assert [line.count("|") for line in lines] == [8] * len(lines)
    by_name = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in lines}
    assert by_name["real training images"] == ["0.5", "1", "1", "", "", " |"]
    assert by_name["prior"][0].startswith("15 (-")
    assert by_name["difference: density, isotropic, calibrated - prior"][0] == "-5"
    assert by_name["difference: density, isotropic, calibrated - density, isotropic, norm/5"][0] == "-1"


def test_headlines_are_of_means_over_seeds_and_not_means_of_ratios() -> None:
    found = headlines([_rows(10, 5, 1), _rows(30, 5, 9)])
    assert found["fid_default_over_prior"] == pytest.approx(10 / 40)
    assert found["fid_calibrated_over_norm5"] == pytest.approx(10 / 10)
    assert found["coverage"] == found["nearest_ratio"] == found["tail_share"] == 1


def test_sets_of_images_are_shown_from_left_to_right() -> None:
    black, grey = (torch.full((n, 1, 64, 64), value, dtype=torch.uint8) for n, value in ((70, 0), (64, 128)))
    shown = side_by_side(black, grey)
    assert shown.size == (17 * 66 + 2, 8 * 66 + 2)
    assert np.asarray(shown)[300, [30, 8 * 66 + 30, 9 * 66 + 30], 0].tolist() == [0, 255, 128]


def test_a_set_of_few_images_shortens_the_picture() -> None:
    images = [torch.zeros(n, 3, 64, 64, dtype=torch.uint8) for n in (64, 17)]
    assert side_by_side(*images).size[1] == 2 * 66 + 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "perceptual"], "perceptual_weights=: should be a file"),
        (["--features", "squeezenet"], "feature_weights=: should be a file"),
        (["--part", "train"], "part=train"),
        (["--steps", "0"], "train_steps=0"),
        (["-P", "nonsense=1"], "there is no parameter nonsense"),
        (["-P", "model_run=1"], "there is no parameter model_run"),
        (["-P", "recipe=elbo"], "There is an option for recipe"),
        (["-P", "limit=3"], "There is an option for limit"),
        (["--seeds", "0"], "0 is not in the range"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_computed(arguments: list[str], said: str) -> None:
    result = _run(*arguments)
    assert result.exit_code != 0
    assert said in result.output
    assert "training images" not in result.output


def test_every_recipe_has_a_table_and_a_picture_and_the_last_line_is_json(tmp_path: Path) -> None:
    small = ["--limit", "60", "--steps", "1", "-P", "classifier_steps=1", "-P", "flow_steps=1"]
    result = _run(*small, "--recipe", "adversarial", "--recipe", "elbo", "--flow", "--pictures", str(tmp_path))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split(" ")[0] for line in lines if "minutes of training" in line] == ["adversarial", "elbo"]
    for row in ("real training", "reconstructions", "prior", "density, neighbours, calibrated", "flow"):
        assert sum(line.startswith(f"| {row}") for line in lines) == 2
    found = json.loads(lines[-1])
    assert set(found) == {
        "fid_default_over_prior", "fid_calibrated_over_norm5", "coverage", "nearest_ratio", "tail_share",
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adversarial.png", "elbo.png"]
    with Image.open(tmp_path / "elbo.png") as picture:
        assert picture.width > picture.height


def test_a_study_that_was_stopped_keeps_the_seeds_that_it_had(tmp_path: Path) -> None:
    configs, made = parse_all((TrainConfig,), {}), []
    kept = Kept(tmp_path / "kept.jsonl")

    def make() -> Found:
        made.append(1)
        return Found({"steps": 3.0}, {"prior": {"fid": 1.5}})

    assert kept.find_or_make(configs, False, make) == kept.find_or_make(configs, False, make) == make()
    assert len(made) == 2
    kept.find_or_make(parse_all((TrainConfig,), {"train_seed": 1}), False, make)
    kept.find_or_make(configs, True, make)
    assert len(made) == 4
    assert len((tmp_path / "kept.jsonl").read_text().split()) > 3


def test_half_a_line_that_a_killed_study_has_left_is_passed_over(tmp_path: Path) -> None:
    configs, kept = parse_all((TrainConfig,), {}), Kept(tmp_path / "kept.jsonl")
    found = Found({"steps": 3.0}, {"prior": {"fid": 1.5}})
    (tmp_path / "kept.jsonl").write_text('{"key": "half')
    assert kept.find_or_make(configs, False, lambda: found) == found
    assert kept.find_or_make(configs, False, lambda: Found({}, {})) == found


def test_a_study_without_a_file_keeps_nothing() -> None:
    configs, made = parse_all((TrainConfig,), {}), []

    def make() -> Found:
        made.append(1)
        return Found({}, {})

    for _ in range(2):
        Kept(None).find_or_make(configs, False, make)
    assert len(made) == 2
