"""The documentation site: it loads nothing from elsewhere, and its reference has every command and parameter."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from lds_mlflow.entry.points import ENTRY_POINTS
from tests.places import ROOT
from tuning.entry import TUNE

OURS = {**ENTRY_POINTS, TUNE.name: TUNE}
_LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
_LOADING_LINKS = {"stylesheet", "preload", "modulepreload", "preconnect", "icon", "dns-prefetch"}
_OUTSIDE = re.compile(r"^(?:https?:)?//")
_IN_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//")


class _Loaded(HTMLParser):
    """The addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "link" and set((found.get("rel") or "").split()) & _LOADING_LINKS:
            self.addresses.append(found.get("href") or "")
        elif tag in _LOADING:
            self.addresses.append(found.get(_LOADING[tag]) or "")


def _from_outside(html: str) -> list[str]:
    page = _Loaded()
    page.feed(html)
    return [address for address in page.addresses if _OUTSIDE.match(address)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = ["build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_of_the_folder_is_in_the_site(site: Path) -> None:
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*") if path.suffix in {".md", ".ipynb"}]
    built = [site / page.with_suffix("") / "index.html" for page in pages if page.name != "index.md"]
    assert len(built) > 20
    assert not [page for page in built if not page.is_file()]


def test_no_page_loads_anything_from_another_machine(site: Path) -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert {path: outside for path, text in pages.items() if (outside := _from_outside(text))} == {}
    styles = [path for path in site.rglob("*.css") if _IN_STYLE.search(path.read_text(encoding="utf-8"))]
    assert not styles


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/x.css">',
        '<img src="http://example/x.png">',
    ],
)
def test_what_would_be_loaded_from_another_machine_is_found(html: str) -> None:
    assert _from_outside(html)


def test_a_link_that_a_reader_may_follow_loads_nothing() -> None:
    assert not _from_outside('<a href="https://example.org">a page</a><link rel="canonical" href="https://x.example">')


def test_the_reference_has_every_command_and_every_parameter(site: Path) -> None:
    commands = (site / "reference" / "commands" / "index.html").read_text(encoding="utf-8")
    parameters = (site / "reference" / "parameters" / "index.html").read_text(encoding="utf-8")
    assert {name for name in OURS if f'id="{name}"' not in commands} == set()
    wanted = {name for point in OURS.values() for name in point.parameters}
    assert {name for name in wanted if f'<h3 id="{name}">' not in parameters} == set()


@pytest.mark.parametrize("room", ["latent", "metrics", "samplers", "models", "training"])
def test_the_reference_of_a_room_has_each_of_its_public_names(room: str, site: Path) -> None:
    page = (site / "reference" / "api" / room / "index.html").read_text(encoding="utf-8")
    described = {address.rpartition(".")[2] for address in re.findall(rf'id="(lds_mlflow\.{room}\.[\w.]+)"', page)}
    public = {name for name in import_module(f"lds_mlflow.{room}").__all__ if not name.isupper()}
    assert public - described == set()


def test_the_builder_of_the_site_is_asked_for_no_fonts() -> None:
    assert yaml.safe_load((ROOT / "mkdocs.yml").read_text())["theme"]["font"] is False
