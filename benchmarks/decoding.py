"""What it costs to decode more or fewer latents in one call on a CPU, which is what a model's `decoded_at_once` is for.

    python -m benchmarks.decoding            # a minute or two
    python -m benchmarks.decoding --quick    # under a minute

Models with random weights decode as many latents a call as each of some numbers, by turns; times are medians. The last
line is one JSON object: by preset, `over_fours` is how many times as fast an example among many is decoded by the
model's own number as four at once, and `single_over_fours` how many times as long a single example takes, since what is
decoded alone is decoded in a call of the same size.
"""

import json
from functools import partial
from statistics import median

import click
import torch

from benchmarks.product import seconds_of
from lds_mlflow.models import Trainable
from lds_mlflow.models.sequence import SequenceVAE
from lds_mlflow.models.stylegan import VAE, spec_of

__all__ = ["main"]

_NUMBERS = (1, 4, 8, 16, 32, 64)
_FOURS = 4
_IMAGES = ("digits", "grey32", "colour32", "faces64-small", "faces64")
_SEQUENCES = "molecules"
_TOKENS, _LONGEST = 40, 60
"""The sequences are made up: of so many different tokens, and so long."""

_ROUNDS, _QUICK_ROUNDS = 41, 5


@click.command()
@click.option("--quick", is_flag=True, help="Fewer rounds.")
@click.option("--threads", default=1, show_default=True, help="Threads of torch.")
def main(quick: bool, threads: int) -> None:
    """Measures decoding by the number of latents a call."""
    torch.set_num_threads(threads)
    over: dict[str, float] = {}
    single: dict[str, float] = {}
    for name in (*_IMAGES, _SEQUENCES):
        model = _model(name)
        found = _seconds(model, _QUICK_ROUNDS if quick else _ROUNDS)
        own = model.decoded_at_once
        over[name] = round(found[_FOURS] / _FOURS / (found[own] / own), 3)
        single[name] = round(found[own] / found[_FOURS], 3)
        times = ", ".join(f"{n}: {1000 * seconds / n:.3f}" for n, seconds in found.items())
        click.echo(f"{name}, {own} at once; milliseconds an example by the latents of a call: {times}")
    click.echo(json.dumps({"over_fours": over, "single_over_fours": single, "threads": threads}))


def _model(name: str) -> Trainable:
    if name != _SEQUENCES:
        return VAE.initialised(spec_of(name), 0).eval()
    tokens = torch.randint(1, _TOKENS, (100, _LONGEST), generator=torch.Generator().manual_seed(0))
    return SequenceVAE.for_examples("auto", tokens, 0).eval()


@torch.inference_mode()
def _seconds(model: Trainable, rounds: int) -> dict[int, float]:
    """Returns the median seconds of a call by its number of latents."""
    z_SD = torch.randn(max(_NUMBERS), *model.latent_shape, generator=torch.Generator().manual_seed(0))
    seconds: dict[int, list[float]] = {n: [] for n in _NUMBERS}
    for turn in range(rounds + 1):
        for n, times in seconds.items():
            taken = seconds_of(partial(model.decode, z_SD[:n]))
            if turn:
                times.append(taken)
    return {n: median(times) for n, times in seconds.items()}


if __name__ == "__main__":
    main()
