"""What the draft's setting takes on a device: training steps at 256 pixels by each switch.

    python -m benchmarks.scale            # the preset paper256: some minutes on a GPU, half an hour on two cores
    python -m benchmarks.scale --quick    # under a minute, by a small preset

Training: images a second of the fit that `train` runs, in float32 and bfloat16, with channels_last and without, with
torch.compile and without, by turns of some seconds after the first steps (in which programs are compiled). Its share of
the matrix product's speed counts the multiply-adds that torch counts in a forward pass, three times; the product is the
square one in bfloat16, measured here. What encoding, decoding and scoring take on a GPU is in benchmarks/gpu/. The last
line is one JSON object.
"""

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product, starmap
from time import perf_counter
from unittest.mock import patch

import click
import torch
from torch import Tensor

from benchmarks.product import Product, multiply_adds
from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE, VaeSpec, spec_of
from lds_mlflow.training import FitHooks, FitPlan, FitTask, fit
from lds_mlflow.training.plan import Precision

__all__ = ["main"]

_WARM_UP = 2
_PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
_IMAGES, _EPOCHS = 20_000, 100
_ANCHOR = 1000 / 12.53
"""Images a second of a full StyleGAN2 step, generator and discriminator, at 256 pixels on one A100: 12.53 s per 1,000
images are published with StyleGAN3 (Karras et al., 2021)."""


@dataclass(frozen=True, slots=True)
class Switches:
    """One way to compute a training step."""

    precision: Precision
    channels_last: bool
    compiled: bool

    @property
    def name(self) -> str:
        """What it is called in the result."""
        words = ("bf16" if self.precision == "bfloat16" else "fp32", "last" if self.channels_last else "first")
        return "_".join([*words, "compiled"] if self.compiled else words)


@click.command()
@click.option("--quick", is_flag=True, help="The preset faces64-small, a second each; no torch.compile on a CPU.")
@click.option("--preset", default="", help="Networks; paper256, or faces64-small with --quick.")
@click.option("--batch", default=0, help="Images a step; 32 on a GPU, 4 on a CPU.")
@click.option("--seconds", default=0.0, help="How long each way is measured; 20, or 1 with --quick.")
def main(quick: bool, preset: str, batch: int, seconds: float) -> None:
    """Measures training at the draft's scale."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    preset = preset or ("faces64-small" if quick else "paper256")
    batch, seconds = batch or (32 if device == "cuda" else 4), seconds or (1 if quick else 20)
    spec = spec_of(preset)
    images = torch.randint(256, (max(64, batch), spec.channels, spec.resolution, spec.resolution), dtype=torch.uint8)
    model, noise = VAE.initialised(spec, 0), torch.zeros(1, spec.latent_dim)
    operations = 6 * multiply_adds(lambda: model(PIXELS.to_model(images[:1]), noise))
    peak = Product.fastest(device, torch.bfloat16).gflops() * 1e9
    click.echo(f"{preset}, {batch} images a step, {_name(device)}; product in bfloat16 {peak / 1e12:.2f} TFLOP/s")
    found: dict[str, float] = {}
    compiling = (False,) if quick and device == "cpu" else (False, True)
    for switches in starmap(Switches, product(_PRECISIONS, (False, True), compiling)):
        found[switches.name] = _images_a_second(switches, spec, images, device, batch=batch, seconds=seconds)
        share = found[switches.name] * operations / peak
        click.echo(f"  {switches.name:24} {found[switches.name]:10.2f} images a second, {share:.1%} of the product")
    best = max(found, key=lambda name: found[name])
    result = {
        "images_per_second": {name: float(f"{value:.4g}") for name, value in found.items()},
        "best": best,
        "share_of_bf16_matrix_peak": round(found[best] * operations / peak, 4),
        "hours_of_100_epochs": round(_IMAGES * _EPOCHS / found[best] / 3600, 2),
        "of_stylegan2_on_an_a100": round(found[best] / _ANCHOR, 4) if spec.resolution == 256 else None,
        "preset": preset,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "batch": batch,
        "bf16_matrix_tflops": round(peak / 1e12, 2),
        "device": _name(device),
    }
    click.echo(json.dumps(result))


def _name(device: str) -> str:
    cores = f"{torch.get_num_threads()} threads of {platform.processor() or platform.machine()}"
    return torch.cuda.get_device_name() if device == "cuda" else cores


@contextmanager
def _memory_format(channels_last: bool) -> Iterator[None]:
    # The networks ask for channels_last by its name in torch.
    with patch.object(torch, "channels_last", torch.channels_last if channels_last else torch.contiguous_format):
        yield


def _images_a_second(
    switches: Switches, spec: VaeSpec, images: Tensor, device: str, *, batch: int, seconds: float
) -> float:
    moments: list[float] = []

    def is_enough() -> bool:
        if device == "cuda":
            torch.cuda.synchronize()
        moments.append(perf_counter())
        return len(moments) > _WARM_UP + 1 and moments[-1] - moments[_WARM_UP] > seconds

    plan = FitPlan(
        steps=100_000,
        batch_size=batch,
        learning_rate=0.002,
        kl_weight=1,
        ema_decay=0.995,
        seed=0,
        precision=switches.precision,
        compiled=switches.compiled,
        checkpoint_every=100_001,
    )
    torch.compiler.reset()
    with _memory_format(switches.channels_last):
        fit(FitTask(VAE.initialised(spec, 0).to(device), images, plan), hooks=FitHooks(stop=is_enough))
    return batch * (len(moments) - 1 - _WARM_UP) / (moments[-1] - moments[_WARM_UP])


if __name__ == "__main__":
    main()
