import ast
from pathlib import Path

import pytest

from lds_mlflow.entry.imports import THIS_PACKAGE, Package


def _reached(sources: dict[str, str], *roots: str, leaving_out: tuple[str, ...] = ()) -> list[str]:
    return Package(sources).imported_by(roots, leaving_out)


def test_what_a_module_imports_is_followed_to_the_end_and_nothing_else_is() -> None:
    sources = {"p.a": "from p.b import X\nimport math", "p.b": "import p.c as c", "p.c": "", "p.other": ""}
    assert _reached(sources, "p.a") == ["p.a", "p.b", "p.c"]


def test_several_modules_are_followed_together() -> None:
    sources = {"p.a": "from p.c import X", "p.b": "from p import d", "p.c": "", "p.d": "", "p.e": ""}
    assert _reached(sources, "p.a", "p.b") == ["p.a", "p.b", "p.c", "p.d"]


def test_an_import_within_a_function_counts() -> None:
    sources = {"p.a": "def f():\n    from p.b import X\n    return X", "p.b": ""}
    assert _reached(sources, "p.a") == ["p.a", "p.b"]


def test_a_name_that_an_init_passes_on_leads_to_the_module_that_defines_it_alone() -> None:
    sources = {
        "p.a": "from p.room import select",
        "p.room.__init__": "from p.room.rules import select\nfrom p.room.other import score",
        "p.room.rules": "",
        "p.room.other": "",
    }
    assert _reached(sources, "p.a") == ["p.a", "p.room.rules"]


def test_a_name_that_two_inits_pass_on_under_other_names_leads_to_where_it_is_defined() -> None:
    sources = {
        "p.a": "from p.outer import thing",
        "p.outer.__init__": "from p.outer.inner import item as thing",
        "p.outer.inner.__init__": "from p.outer.inner.deep import original as item",
        "p.outer.inner.deep": "",
    }
    assert _reached(sources, "p.a") == ["p.a", "p.outer.inner.deep"]


def test_what_an_init_defines_itself_leads_to_it_and_to_all_that_it_imports() -> None:
    sources = {"p.a": "from p.room import X", "p.room.__init__": "from p.room.b import Y\nX = 1", "p.room.b": ""}
    assert _reached(sources, "p.a") == ["p.a", "p.room.__init__", "p.room.b"]


@pytest.mark.parametrize(
    "line", ["import p.room", "import p.room as room", "from p import room", "from p.room import *"]
)
def test_a_whole_folder_leads_to_its_init_and_to_all_that_it_imports(line: str) -> None:
    sources = {"p.a": line, "p.room.__init__": "from p.room.b import Y", "p.room.b": "", "p.room.c": ""}
    assert _reached(sources, "p.a") == ["p.a", "p.room.__init__", "p.room.b"]


@pytest.mark.parametrize("text", ["p.room.b", "p.room.b.run", "p.room.run", "p.room.b:run", "p.room:run"])
def test_a_string_that_names_a_module_or_a_thing_in_one_counts(text: str) -> None:
    sources = {
        "p.a": f"from importlib import import_module\nimport_module('{text}')",
        "p.room.__init__": "from p.room.b import run",
        "p.room.b": "",
    }
    assert _reached(sources, "p.a") == ["p.a", "p.room.b"]


@pytest.mark.parametrize("text", ["p", "p.", "q.b", "a sentence about p.b", "p/b", "../p.b", "p.b?"])
def test_other_strings_do_not_count(text: str) -> None:
    assert _reached({"p.a": f"X = {text!r}", "p.b": ""}, "p.a") == ["p.a"]


@pytest.mark.parametrize(
    "line", ["from .b import X", "from . import b", "from ..room.b import X", "from .. import room"]
)
def test_relative_imports_lead_where_they_point_to(line: str) -> None:
    sources = {"p.room.a": line, "p.room.__init__": "from .b import X", "p.room.b": "", "p.b": ""}
    assert "p.room.b" in _reached(sources, "p.room.a")
    assert "p.b" not in _reached(sources, "p.room.a")


def test_an_init_may_pass_on_by_a_relative_import() -> None:
    sources = {"p.a": "from p.room import X", "p.room.__init__": "from .b import X\nfrom .c import Y"}
    assert _reached(sources | {"p.room.b": "", "p.room.c": ""}, "p.a") == ["p.a", "p.room.b"]


def test_modules_that_import_each_other_are_each_reached_once() -> None:
    sources = {"p.a": "from p.b import X", "p.b": "from p.c import X", "p.c": "from p.a import X"}
    assert _reached(sources, "p.a") == _reached(sources, "p.b") == ["p.a", "p.b", "p.c"]


def test_inits_that_pass_a_name_on_to_each_other_end() -> None:
    sources = {"p.a": "from p.b import X", "p.b.__init__": "from p.c import X", "p.c.__init__": "from p.b import X"}
    assert _reached(sources, "p.a") == ["p.a"]


def test_what_is_left_out_is_not_followed() -> None:
    sources = {"p.a": "from p.logs.b import X", "p.logs.b": "from p.c import X", "p.c": "", "p.logs2": ""}
    assert _reached(sources, "p.a", leaving_out=("p.logs",)) == ["p.a"]
    assert _reached(sources | {"p.a": "import p.logs2"}, "p.a", leaving_out=("p.logs",)) == ["p.a", "p.logs2"]


def test_other_packages_are_not_followed() -> None:
    assert _reached({"p.a": "import torch\nfrom mlflow.tracking import MlflowClient"}, "p.a") == ["p.a"]


def test_a_module_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"p\.missing"):
        _reached({"p.a": ""}, "p.missing")


def test_a_package_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "p" / "room").mkdir(parents=True)
    (tmp_path / "p" / "room" / "__init__.py").write_text("from p.room.b import X\n")
    (tmp_path / "p" / "room" / "b.py").write_text("X = 1\n")
    (tmp_path / "p" / "notes.txt").write_text("no code")
    found = Package.read(tmp_path / "p")
    assert found.sources == {"p.room.__init__": "from p.room.b import X\n", "p.room.b": "X = 1\n"}
    assert found.below("p.room") == ["p.room.__init__", "p.room.b"]


def test_this_package_is_the_one_that_the_test_imports() -> None:
    found = Package.read()
    assert THIS_PACKAGE.name == "lds_mlflow"
    assert found.sources["lds_mlflow.entry.imports"] == (THIS_PACKAGE / "entry" / "imports.py").read_text()


def test_the_inits_of_this_package_pass_names_on_and_do_nothing_else() -> None:
    # A step reaches the modules that an `__init__` passes on, and not the `__init__` itself.
    for name, source in Package.read().sources.items():
        if name.endswith(".__init__") and name != "lds_mlflow.__init__":
            kinds = {type(statement) for statement in ast.parse(source).body}
            assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign}, name
