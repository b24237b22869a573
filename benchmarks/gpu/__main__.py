"""All that is measured on a GPU, one part after the other."""

import json
import platform

import click
import torch

from benchmarks.gpu import inference, scoring, training


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, to see that everything runs; always without a GPU.")
def main(quick: bool) -> None:
    """Measures encoding, decoding, features, exhaustive scoring and training; the last line is one JSON object."""
    has_gpu = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if has_gpu else platform.processor() or platform.machine()
    click.echo(f"{name}, torch {torch.__version__}")
    found: dict[str, float] = {}
    for part in (inference, scoring, training):
        found |= part.measure("cuda" if has_gpu else "cpu", quick or not has_gpu)
    figures = {figure: float(f"{value:.4g}") for figure, value in found.items()}
    click.echo(json.dumps({"device": name, "torch": torch.__version__, **figures}))


if __name__ == "__main__":
    main()
