import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from PIL import Image

from lds_mlflow.pictures.png import Picture
from lds_mlflow.pictures.report import BoldText, LinkText, Report

NASTY = "<b>|x"
"""What a user may call a class."""
VOID = {"meta", "img", "br"}


class _Page(HTMLParser):
    """Reads a page as its texts, its cells, and its tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts[tag][-1] += data

    def of(self, *tags: str) -> list[str]:
        return [" ".join(text.split()) for tag in tags for text in self.texts.get(tag, [])]

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def _as_github_reads(markdown: str) -> _Page:
    reader = MarkdownIt("commonmark", {"xhtmlOut": False}).enable(["table", "strikethrough"])
    return _Page(reader.render(markdown))


def _both(report: Report) -> tuple[_Page, _Page]:
    return _as_github_reads(report.markdown()), _Page(report.html())


def _chart() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [0, 1])
    return figure


def _image() -> Image.Image:
    return Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


def _report() -> Report:
    report = Report("Evaluation of finetune 1a2b3c4d")
    report.heading("Verdict")
    report.paragraph("The model is ", BoldText("better"), " in 3 of 5 figures.")
    report.table(pd.DataFrame({"figure": ["FID", "Density"], "value": ["12.3", "0.81 (0.79 to 0.83)"]}), "All figures")
    report.heading("Samples")
    report.picture("pictures/samples.png", _image(), "64 samples")
    report.picture("pictures/tradeoff.png", _chart(), "Fidelity against variety")
    return report


def test_a_report_keeps_the_order_of_its_parts_in_both() -> None:
    texts = ["Evaluation of", "Verdict", "better", "All figures", "0.81", "Samples", "64 samples", "Fidelity against"]
    for text in (_report().markdown(), _report().html().split("<body>")[1]):
        places = [text.index(part) for part in texts]
        assert places == sorted(places)


@pytest.mark.parametrize("tags", [("h1",), ("h2",), ("th",), ("td",)])
def test_both_have_the_same_headings_and_cells(tags: tuple[str, ...]) -> None:
    markdown, html = _both(_report())
    assert markdown.of(*tags) == html.of(*tags) != []


def test_a_paragraph_is_one_in_both_with_the_same_parts_in_bold() -> None:
    markdown, html = _both(_report())
    assert html.of("p") == ["The model is better in 3 of 5 figures."]
    assert html.of("p")[0] in markdown.of("p")
    assert markdown.of("strong") == html.of("b") == ["better"]


@pytest.mark.parametrize(
    "text",
    [
        NASTY,
        "a|b\\|c\\",
        "*a* _b_ `c` ~~d~~",
        "[a](b) ![c](d)",
        "&lt; &amp;",
        "# a #",
        "<!-- a -->",
        "{a} {0} %s",
        '"',
        "a_b_c",
    ],
)
def test_a_text_of_a_user_is_shown_as_it_is_wherever_it_stands(text: str) -> None:
    report = Report(text)
    report.heading(text)
    report.paragraph(text, " and ", BoldText(text), ".")
    report.table(pd.DataFrame({text: [text], "share": ["0.5"]}), text)
    report.picture("pictures/a.png", _image(), text)
    markdown, html = _both(report)
    for page in (markdown, html):
        assert page.of("h1", "h2") == [text, text]
        assert f"{text} and {text}." in page.of("p")
        assert page.of("th", "td") == [text, "share", text, "0.5"]
        assert page.attributes("alt") == [text]
    assert html.of("title", "figcaption") == markdown.of("h1", "em") == [text, text, text]
    assert len(markdown.of("strong")) == len(html.of("b")) == 1


@pytest.mark.parametrize(
    "text", ["- a", "+ a", "1. a", "12) a", "-", "---", "- - -", "> a", "# a", "```", "    a", "-0.3 a"]
)
def test_a_paragraph_stays_one_whatever_it_begins_with(text: str) -> None:
    report = Report("t")
    report.paragraph(text)
    markdown, html = _both(report)
    assert markdown.of("p") == html.of("p") == [text.strip()]


def test_line_breaks_of_a_user_do_not_end_a_row_or_a_heading() -> None:
    report = Report("a\n\nb")
    report.table(pd.DataFrame({"c\nd": ["e\n\nf"]}), "g\n\nh")
    markdown, html = _both(report)
    assert (
        markdown.of("h1", "th", "td", "em") == html.of("h1", "th", "td", "figcaption") == ["a b", "c d", "e f", "g h"]
    )


def test_columns_of_numbers_stand_on_the_right_in_both() -> None:
    values = {
        "class": ["a", "1"],
        "share": ["0.5", "-.5"],
        "n": [1, 2],
        "gap": ["nan", "-"],
        "verdict": ["-10 %", "worse"],
    }
    report = Report("t")
    report.table(pd.DataFrame(values), "c")
    assert "| --- | ---: | ---: | ---: | --- |" in report.markdown()
    cells = [attributes["class"] for tag, attributes in _Page(report.html()).tags if tag in {"th", "td"}]
    assert cells == ["text", "number", "number", "number", "text"] * 3


@pytest.mark.parametrize("rows", [0, 1, 200])
def test_a_table_is_shown_whole(rows: int) -> None:
    long = "a cell of many words " * 20
    report = Report("t")
    report.table(pd.DataFrame({"a": [long.strip()] * rows}, index=range(5, 5 + rows)), "c")
    markdown, html = _both(report)
    assert markdown.of("td") == html.of("td") == [long.strip()] * rows


def test_columns_of_one_name_are_both_shown() -> None:
    report = Report("t")
    report.table(pd.DataFrame([["1", "2"]], columns=["a", "a"]), "c")
    markdown, html = _both(report)
    assert markdown.of("th", "td") == html.of("th", "td") == ["a", "a", "1", "2"]


def test_the_page_loads_nothing() -> None:
    html = _report().html()
    page = _Page(html)
    assert not re.search(r"https?://|url\(|@import", html)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base"}
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    assert not page.attributes("href")


def test_the_page_has_a_title_a_language_and_an_encoding() -> None:
    page = _Page(_report().html())
    assert page.of("title") == ["Evaluation of finetune 1a2b3c4d"]
    assert page.attributes("lang") == ["en"]
    assert page.attributes("charset") == ["utf-8"]


@pytest.mark.parametrize(("picture", "size"), [(_image(), (4, 4)), (_chart(), (200, 100))])
def test_the_page_holds_its_pictures(picture: Picture, size: tuple[int, int]) -> None:
    report = Report("t")
    report.picture("pictures/a.png", picture, "c")
    (source,) = _Page(report.html()).attributes("src")
    image = Image.open(BytesIO(b64decode(source.partition(",")[2], validate=True)))
    assert (image.format, image.size) == ("PNG", size)


def test_markdown_links_to_pictures_by_their_names() -> None:
    assert _as_github_reads(_report().markdown()).attributes("src") == ["pictures/samples.png", "pictures/tradeoff.png"]


def test_a_picture_whose_name_has_spaces_and_brackets_is_linked_too() -> None:
    report = Report("t")
    report.picture("pictures/a (b).png", _image(), "c")
    (source,) = _as_github_reads(report.markdown()).attributes("src")
    assert source == "pictures/a%20%28b%29.png"


def test_a_report_hands_out_its_pictures_to_be_logged() -> None:
    image, chart = _image(), _chart()
    report = Report("t")
    report.picture("pictures/a.png", image, "a")
    report.picture("pictures/b.png", chart, "b")
    assert [name for name, _ in report.pictures] == ["pictures/a.png", "pictures/b.png"]
    assert all(png.startswith(b"\x89PNG") for _, png in report.pictures)


def test_a_report_without_parts_is_its_title() -> None:
    assert Report("t").markdown() == "# t\n"
    assert _Page(Report("t").html()).of("h1") == ["t"]


def test_a_report_can_be_written_and_read_as_utf_8(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(Report("Fréchet 距離").html(), encoding="utf-8")
    assert _Page((tmp_path / "report.html").read_text(encoding="utf-8")).of("h1") == ["Fréchet 距離"]


def test_a_link_leads_to_its_address_in_both() -> None:
    report = Report("t")
    report.paragraph("See ", LinkText("run <1>", "http://127.0.0.1:5000/#/experiments/1/runs/2?a=1&b=2"), ".")
    for page in (_as_github_reads(report.markdown()), _Page(report.html())):
        assert page.attributes("href") == ["http://127.0.0.1:5000/#/experiments/1/runs/2?a=1&b=2"]
        assert page.of("a") == ["run <1>"]


def test_pictures_of_a_row_stand_side_by_side_on_the_page_and_one_after_another_in_markdown() -> None:
    report = Report("t")
    report.row([(f"pictures/{name}.png", _image(), name) for name in ("one", "two")])
    assert report.html().count('<div class="row">') == 1
    assert _Page(report.html()).of("figcaption") == ["one", "two"]
    assert _as_github_reads(report.markdown()).attributes("src") == ["pictures/one.png", "pictures/two.png"]
    assert [name for name, _ in report.pictures] == ["pictures/one.png", "pictures/two.png"]


def test_sound_is_played_by_the_page_and_linked_by_markdown() -> None:
    report = Report("Heard")
    report.files({"pictures/a/00.wav": b"RIFF", "pictures/a/00.smi": b"CCO"}, "What is heard")
    markdown, page = _both(report)
    assert markdown.attributes("href") == ["pictures/a/00.wav", "pictures/a/00.smi"]
    (player,) = [attributes for tag, attributes in page.tags if tag == "audio"]
    kind, _, content = str(player["src"]).partition(";base64,")
    assert kind.startswith("data:audio/")
    assert b64decode(content) == b"RIFF"
    assert "pictures/a/00.smi" in page.of("p")
    assert report.kept == {"pictures/a/00.wav": b"RIFF", "pictures/a/00.smi": b"CCO"}
    assert "media-src data:" in str(page.attributes("content"))


def test_no_files_add_nothing() -> None:
    report = Report("Heard")
    report.files({}, "What is heard")
    assert report.markdown() == "# Heard\n"
