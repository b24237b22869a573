import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.models.programs import program_of
from lds_mlflow.models.programs.graphs import require_graph
from tests.own import changed_graph, programs, rewritten

Change = Callable[[dict[str, Any]], object]


def _first_node(graph: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = graph["graph_module"]["graph"]["nodes"][0]
    return node


def _in_size(text: str) -> Change:
    def change(graph: dict[str, Any]) -> None:
        sizes = next(
            value["sizes"]
            for value in graph["graph_module"]["graph"]["tensor_values"].values()
            if "as_expr" in value["sizes"][0]
        )
        sizes[0]["as_expr"]["expr_str"] = text

    return change


def _target(name: str) -> Change:
    return lambda graph: _first_node(graph).update(target=name)


def _structure(kind: str, context: str) -> Change:
    spec = json.dumps([1, {"type": kind, "context": context, "children_spec": []}])
    return lambda graph: graph["graph_module"]["module_call_graph"][0]["signature"].update(in_spec=spec)


def _named(name: str) -> Change:
    def change(graph: dict[str, Any]) -> None:
        graph["graph_module"]["graph"]["inputs"][0]["as_tensor"]["name"] = name

    return change


def _size_of(name: str) -> Change:
    """Gives an input another name everywhere, and a size that is Python."""

    def change(graph: dict[str, Any]) -> None:
        _in_size("__import__('os').system('true')")(graph)
        inner = graph["graph_module"]["graph"]
        old = inner["inputs"][-1]["as_tensor"]["name"]
        graph["graph_module"] = json.loads(json.dumps(graph["graph_module"]).replace(json.dumps(old), json.dumps(name)))

    return change


def _in_module(**changes: object) -> Change:
    return lambda graph: graph["graph_module"]["graph"].update(changes)


def _given(argument: object) -> Change:
    return lambda graph: _first_node(graph)["inputs"][0].update(arg=argument)


HOSTILE: dict[str, Change] = {
    "a function of the operating system": _target("torch.os.system"),
    "a function that torch imports": _target("torch.hub.load"),
    "an operator that opens files": _target("torch.ops.aten.from_file.default"),
    "an operator that writes files": _target("torch.ops.aten.save.default"),
    "an operator of another library": _target("torch.ops.image.write_file.default"),
    "an extension": _target("#custom:op"),
    "a size that is Python": _in_size("__import__('os').system('true')"),
    "a size that calls a method": _in_size("Symbol('s0').evalf()"),
    "a size of another function": _in_size("open('s0')"),
    "a size that is no expression": _in_size("s0; s1"),
    "a name that is Python": _named("x=__import__('os').getpid()"),
    "a value whose name is metadata": _size_of("metadata"),
    "a value whose name is as_string": _size_of("as_string"),
    "a number whose name is metadata": _in_module(sym_int_values={"metadata": {"as_expr": {"expr_str": "exit()"}}}),
    "a number whose name is as_string": _in_module(sym_int_values={"as_string": "exit()"}),
    "a text that is no argument": _given({"as_string": {"as_expr": {"expr_str": "exit()"}}}),
    "a text beside another argument": _given({"as_string": "x x", "as_int": 1}),
    "an argument that is a function": _given({"as_operator": "torch.os.system"}),
    "a structure that imports": _structure("builtins.dict", '[{"__enum__": true, "fqn": "antigravity:x"}]'),
    "a structure of another type": _structure("collections.defaultdict", "null"),
    "a condition that is Python": lambda graph: graph.update(guards_code=["__import__('os').system('true')"]),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_graph_is_refused(change: Change) -> None:
    with pytest.raises(ValueError, match="something other than a graph"):
        require_graph(changed_graph(programs()[1], change))


def test_a_text_that_an_operator_is_given_may_be_any() -> None:
    require_graph(changed_graph(programs()[1], _given({"as_string": "bhwc, bhwc -> b"})))


@pytest.mark.parametrize(
    "record",
    [
        "data/constants/custom_obj_0",
        "data/constants/opaque_obj_0",
        "data/aotinductor/model/x.so",
        "setup.py",
        "models/M\N{LATIN SMALL LETTER LONG S}.json",
    ],
)
def test_an_archive_with_other_objects_is_refused(record: str) -> None:
    with pytest.raises(ValueError, match="objects other than tensors and graphs"):
        require_graph(rewritten(programs()[1], {record: lambda _: b"x"}))


def test_an_archive_of_two_graphs_is_refused() -> None:
    with pytest.raises(ValueError, match="2 graphs"):
        require_graph(rewritten(programs()[1], {"models/other.json": lambda _: b"{}"}))


class _Usual(nn.Module):
    """Operators with sizes, texts, conditions on sizes, and numbers of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] < 64:
            x = x * 2
        x = nn.functional.interpolate(self.norm(self.conv(x)), scale_factor=2.0, mode="bilinear")
        rows = torch.einsum("bchw,bchw->b", x, x) / (x.shape[0] * x.shape[2])
        return torch.nn.functional.scaled_dot_product_attention(x, x, x) + rows[:, None, None, None]


def test_what_networks_usually_do_is_a_graph(tmp_path: Path) -> None:
    for content in (*programs(), program_of(_Usual(), torch.zeros(4, 6, 6), strict=False)):
        require_graph(content)
