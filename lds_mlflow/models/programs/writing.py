"""Writes a network as a program of torch.export."""

import io

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

__all__ = ["program_of"]

_ROWS = 2
"""Rows of the batch that is traced: a batch of one would be taken for a number that never changes."""


def program_of(network: nn.Module, *row: Tensor, strict: bool = True) -> bytes:
    """Returns a network as the content of a .pt2 file, with the weights that it uses alone.

    The program takes as many rows at once as the network can: any number, unless its code says otherwise.

    Args:
        network: Maps rows, [B, ...], to one or more results, on the CPU, in evaluation mode.
        row: An example of a row, [...]; where the network takes several inputs, one of each.
        strict: Whether torch reads the network's code instead of running it; it otherwise takes the length of a batch
            for a constant in some networks, and is quicker.

    Raises:
        RuntimeError: torch.export can't follow the network.
    """
    # torch.export warns of weights in another format, which its files have no word for.
    network = network.to(memory_format=torch.contiguous_format)
    rows = tuple(one.expand(_ROWS, *one.shape).contiguous() for one in row)
    shapes = tuple({0: torch.export.Dim.AUTO} for _ in row)
    with torch.no_grad():
        program = torch.export.export(network, rows, dynamic_shapes=shapes, strict=strict)
    _drop_unused_weights(program)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def _drop_unused_weights(program: ExportedProgram) -> None:
    """Takes from a program what nothing in it uses, such as the decoder of a network whose encoder is exported."""
    signature = program.graph_signature
    weights = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    nodes = program.graph.find_nodes(op="placeholder")
    unused = {node.name: node for node in nodes if node.name in weights and not node.users}
    for node in unused.values():
        program.graph.erase_node(node)
    program.graph_module.recompile()
    signature.input_specs[:] = [spec for spec in signature.input_specs if spec.arg.name not in unused]
    used = {name for node, name in weights.items() if node not in unused}
    for name in program.state_dict.keys() - used:
        del program.state_dict[name]
