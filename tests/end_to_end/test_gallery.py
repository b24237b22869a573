"""The gallery and the reports in a browser: what a person does there, what they see, and who can use it."""

import io
import re
import zipfile
from collections.abc import Iterator
from math import floor
from pathlib import Path
from typing import NamedTuple

import mlflow
import pandas as pd
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from lds_mlflow.config import ServeConfig
from lds_mlflow.data import load_digits
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.pictures.report import BoldText, Report
from lds_mlflow.samplers import latent_density, standard_normal
from lds_mlflow.samplers.classes import with_classes
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import Sampler, with_densities
from lds_mlflow.tracking import CHAMPION, Tracker, register_sampler
from lds_mlflow.tracking.server import Service
from tests.browsers import needs_chromium, running_browser
from tests.conftest import copied
from tests.servers import served
from tests.tiny import SPEC

pytestmark = [pytest.mark.end_to_end, needs_chromium]

SCREEN, PHONE = (1280, 900), (390, 844)


class Gallery(NamedTuple):
    """A gallery that is served: where, and the model behind it."""

    address: str
    sampler: Sampler


@pytest.fixture(scope="module")
def gallery(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A registered model that was not trained, of digits, which is the champion."""
    digits = load_digits()
    z_ND = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    density = with_densities(with_classes(latent_density(z_ND, sigma="0.5"), torch.arange(50) % 2, ("even", "odd")))
    named = dict.fromkeys(DISTRIBUTIONS, standard_normal(4)) | {"density": density}
    with pytest.MonkeyPatch.context() as monkeypatch:
        copied(empty_database, tmp_path_factory.mktemp("gallery"), monkeypatch)
        tracker = Tracker.connect()
        run = tracker.begin("register", parent=None, values={})
        register_sampler(
            run,
            VAE.initialised(SPEC, 0).to_weights(),
            named,
            "my digits",
            description="",
            examples=digits.spread(12),
            facts={"data": "digits: 50 images of 8x8x1", "sampler": "the prior"},
        )
        tracker.registry.set_alias(tracker.registry.get("my digits", "1"), CHAMPION)
        sampler: Sampler = mlflow.pyfunc.load_model("models:/my digits/1").get_raw_model()
        with served(Service(ServeConfig(model="models:/my digits@champion"), print)) as address:
            yield Gallery(address, sampler)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.fixture
def page(gallery: Gallery, browser: Browser) -> Iterator[Page]:
    """The gallery, drawn, without any error of its scripts."""
    with browser.new_context(viewport={"width": SCREEN[0], "height": SCREEN[1]}) as context:
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(gallery.address)
        expect(_thumbs(page)).to_have_count(24)
        expect(_thumbs(page, "between")).to_have_count(8)
        yield page
        assert errors == []


def _thumbs(page: Page, within: str = "images") -> Locator:
    return page.locator(f"#{within} button")


def _captions(page: Page) -> list[str]:
    return page.locator("#images .caption").all_inner_texts()


def _sources(page: Page, within: str) -> list[str]:
    return [str(one.get_attribute("src")) for one in page.locator(f"#{within} img").all()]


def _sources_of(images: pd.Series) -> list[str]:
    return [f"data:image/png;base64,{image}" for image in images]


def _percent(rows: pd.DataFrame, number: int) -> str:
    # JavaScript rounds a half up.
    return f"{floor(100 * rows['denser_than_samples'][number] + 0.5)} %"


def _move(page: Page, name: str, value: float) -> None:
    page.locator(f"#{name}").fill(str(value))


def test_the_page_says_what_the_model_is(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("my digits")
    assert page.locator(".badge").all_inner_texts() == ["version 1", "champion"]
    expect(page.locator("#data")).to_have_text(
        "Trained on digits: 50 images of 8x8x1. Samples are drawn from the prior."
    )
    assert page.title() == "my digits, a gallery"


def test_real_images_stand_above_the_samples_with_their_classes(page: Page, gallery: Gallery) -> None:
    real = page.locator("#real img")
    expect(real).to_have_count(12)
    kept = gallery.sampler.examples
    assert kept is not None
    assert kept.labels_N is not None
    label = kept.class_names_K[int(kept.labels_N[0])]
    expect(real.first).to_have_attribute("alt", f"real: {label}")


def test_another_first_seed_shows_its_samples_with_their_own_bars(page: Page, gallery: Gallery) -> None:
    page.get_by_label("First seed").fill("100")
    expect(page.locator("#status")).to_have_text("Seeds 100 to 123.")
    assert _captions(page) == [f"seed {seed}" for seed in range(100, 124)]
    wanted = gallery.sampler.predict({"seed": 100, "n": 24})
    assert _sources(page, "images") == _sources_of(wanted["image"])
    for kind, column in (("samples", "denser_than_samples"), ("training", "denser_than")):
        widths = page.locator(f"#images .bar.{kind}").evaluate_all(
            "bars => bars.map(bar => bar.firstChild.getBoundingClientRect().width / bar.getBoundingClientRect().width)"
        )
        assert widths == pytest.approx(wanted[column].tolist(), abs=0.01)


def test_the_next_seeds_and_the_previous_ones_are_a_click_away(page: Page) -> None:
    page.locator("#count").select_option("12")
    page.get_by_role("button", name="Next seeds").click()
    expect(page.locator("#status")).to_have_text("Seeds 12 to 23.")
    page.get_by_role("button", name="Previous seeds").click()
    expect(page.locator("#status")).to_have_text("Seeds 0 to 11.")
    expect(page.get_by_role("button", name="Previous seeds")).to_be_disabled()


@pytest.mark.parametrize(
    ("given", "said"), [("4294967290", "Seeds 4294967290 to 4294967295."), ("-3", "Seeds 0 to 23.")]
)
def test_seeds_stop_at_their_ends(page: Page, given: str, said: str) -> None:
    page.get_by_label("First seed").fill("7")
    page.get_by_label("First seed").fill(given)
    expect(page.locator("#status")).to_have_text(said)
    expect(page.locator("#next" if given[0] == "4" else "#previous")).to_be_disabled()


def test_sliders_stop_at_their_ends(page: Page) -> None:
    for name, last, said in (("truncation", "2", "2.0"), ("min_density", "0.9", "denser than 90 %")):
        slider = page.locator(f"#{name}")
        slider.focus()
        for key in ("End", "ArrowRight", "ArrowRight"):
            page.keyboard.press(key)
        expect(slider).to_have_value(last)
        expect(page.locator(f"#{name}-said")).to_have_text(said)
    expect(page.locator("#problem")).to_be_empty()


def test_a_sample_is_shown_large_with_the_nearest_training_image_by_the_keyboard_alone(
    page: Page, gallery: Gallery
) -> None:
    _thumbs(page).first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    wanted = gallery.sampler.predict([1, 2], {"nearest": True})
    for number in (0, 1):
        row = wanted.iloc[number]
        expect(dialog.get_by_role("heading")).to_have_text(f"Seed {row['seed']}")
        expect(page.locator("#large-image")).to_have_attribute("src", _sources_of(wanted["image"])[number])
        expect(page.locator("#nearest")).to_have_attribute("src", _sources_of(wanted["nearest"])[number])
        said = page.locator("#figures").inner_text()
        assert f"{_percent(wanted, number)} of the model" in said
        assert f"log LDS\n{row['log_lds']:.2f}" in said
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("heading")).to_have_text("Seed 2")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(_thumbs(page).nth(2)).to_be_focused()


def test_the_arrow_keys_go_along_the_rows_and_columns(page: Page) -> None:
    _thumbs(page).first.focus()
    columns = _thumbs(page).evaluate_all("all => all.filter(one => one.offsetTop === all[0].offsetTop).length")
    for key, wanted in (("ArrowDown", columns), ("ArrowUp", 0), ("ArrowLeft", 0), ("End", 23), ("Home", 0)):
        page.keyboard.press(key)
        expect(_thumbs(page).nth(wanted)).to_be_focused()


def test_the_way_between_two_samples_begins_and_ends_with_them(page: Page, gallery: Gallery) -> None:
    for which, end in ((3, "from"), (5, "to")):
        _thumbs(page).nth(which).click()
        page.get_by_role("button", name=f"Interpolate {end} here").click()
        expect(page.locator(f"#{end}")).to_have_value(str(which))
    way = [number / 7 for number in range(8)]
    wanted = gallery.sampler.predict({"seed": [3] * 8, "seed_to": [5] * 8, "at": way})
    expect(page.locator("#between img").last).to_have_attribute("src", _sources_of(wanted["image"])[-1])
    assert _sources(page, "between") == _sources_of(wanted["image"])
    assert _sources(page, "between")[0] == _sources(page, "images")[3]
    _thumbs(page, "between").nth(1).click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text("14 % of the way from seed 3 to 5")


def test_only_dense_samples_are_shown_and_what_did_not_become_dense_is_faded_and_counted(
    page: Page, gallery: Gallery
) -> None:
    _move(page, "min_density", 0.5)
    expect(page.locator("#min_density-said")).to_have_text("denser than 50 %")
    wanted = gallery.sampler.predict(24, {"min_density": 0.5})
    assert wanted["reached"].all()
    expect(_thumbs(page).first).to_have_attribute("aria-label", re.compile(f"{_percent(wanted, 0)} of the model"))
    assert _sources(page, "images") == _sources_of(wanted["image"])
    expect(page.locator("#images .missed")).to_have_count(0)
    _move(page, "truncation", 2)
    _move(page, "min_density", 0.9)
    wanted = gallery.sampler.predict(24, {"min_density": 0.9, "truncation": 2.0})
    missed = int((~wanted["reached"]).sum())
    assert missed > 0
    expect(page.locator("#status")).to_contain_text(f"{missed} of them gave no sample as dense as asked for in fifty")
    expect(page.locator("#images .missed")).to_have_count(missed)
    page.locator("#images .missed").first.click()
    expect(page.locator("#figures")).to_contain_text("No draw was as dense as asked for")


def test_a_class_can_be_asked_for_where_the_sampler_has_classes(page: Page, gallery: Gallery) -> None:
    label, balance = page.locator("#label"), page.locator("#balance")
    expect(label).to_be_disabled()
    expect(page.locator("#classes-note")).to_have_text(
        "To draw some of the classes, let samples be drawn from: density."
    )
    page.get_by_label("Drawn from").select_option("density")
    for chosen, params in ((balance, {"balance": "equal"}), (label, {"label": "odd"})):
        chosen.select_option(next(iter(params.values())))
        wanted = gallery.sampler.predict(24, {"sampler": "density", **params})
        expect(page.locator("#images img").first).to_have_attribute("src", _sources_of(wanted["image"])[0])
        assert _sources(page, "images") == _sources_of(wanted["image"])
    expect(balance).to_be_disabled()
    page.get_by_label("Drawn from").select_option("prior")
    expect(label).to_have_value("")


def test_the_samples_that_are_shown_come_as_a_zip(page: Page) -> None:
    page.get_by_label("First seed").fill("7")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as zip").click()
    assert download.value.suggested_filename == "my digits-1-seeds-7-30.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 25
        assert Image.open(io.BytesIO(archive.read("001-seed-7-image.png"))).size == (8, 8)


def test_what_is_wrong_is_said_on_the_page_and_goes_away(page: Page) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=400, json={"message": "Failed. \nError: the sentence"})

    page.route("**/invocations", refuse)
    page.get_by_label("First seed").fill("9")
    expect(page.locator("#problem")).to_have_text("the sentence")
    page.unroute("**/invocations", refuse)
    page.get_by_label("First seed").fill("8")
    expect(page.locator("#problem")).to_be_empty()


def test_the_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    _thumbs(page).first.click()
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["width"] <= PHONE[0]


def _findings(page: Page) -> list[str]:
    """Returns what axe calls serious or critical."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}" for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [SCREEN, PHONE])
def test_axe_finds_nothing_serious_in_the_gallery(page: Page, scheme: str, size: tuple[int, int]) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    assert _findings(page) == []
    _thumbs(page).first.click()
    expect(page.locator("#figures")).to_contain_text("Distance")
    assert _findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_a_report(browser: Browser, tmp_path: Path, scheme: str) -> None:
    report = Report("What was measured")
    report.paragraph("The winner is ", BoldText("the finetuned model"), ".")
    report.heading("Figures")
    wide = {f"a column {number}": ["a value that is long", "another"] for number in range(20)}
    report.table(pd.DataFrame({"figure": ["FID", "KID"], "value": ["1.25", "0.5"]} | wide), "All figures")
    report.picture("samples.png", Image.new("L", (32, 32)), "Samples")
    (tmp_path / "report.html").write_text(report.html())
    with browser.new_context(bypass_csp=True, color_scheme="dark" if scheme == "dark" else "light") as context:
        page = context.new_page()
        page.goto((tmp_path / "report.html").as_uri())
        assert _findings(page) == []
