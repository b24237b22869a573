"""A part of the measurements as a command of its own."""

import json
from collections.abc import Callable

import click
import torch

__all__ = ["command"]


def command(measure: Callable[[str, bool], dict[str, float]], text: str) -> click.Command:
    """Returns a command that measures on a GPU if there is one, and prints one JSON object as its last line."""

    @click.command(help=text)
    @click.option("--quick", is_flag=True, help="Small sizes, to see that everything runs.")
    def main(quick: bool) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        found = measure(device, quick)
        click.echo(json.dumps({name: float(f"{value:.4g}") for name, value in found.items()}))

    return main
