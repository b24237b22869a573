"""Training on a device: whether the CPU agrees, images a second by switch, and what a step asks of the CPU.

    python -m benchmarks.gpu.training            # about five minutes on a GPU, most of them of torch.compile
    python -m benchmarks.gpu.training --quick    # seconds

A step is all that `train` does in one: the batch, forward and backward pass, the update and the moving average. Images
are random and lie on the device. The share of the matrix product's speed counts three times the multiply-adds of a
forward pass, as torch counts them.
"""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

import click
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.command import command
from benchmarks.product import Product, multiply_adds
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.training import FitPlan
from lds_mlflow.training.compilation import Compilation
from lds_mlflow.training.plan import ExampleForm, Precision
from lds_mlflow.training.stepper import Stepper

__all__ = ["measure"]

_WARM_UP, _PROFILED, _ROUNDS = 8, 4, 3
_LAUNCHES = ("cudaLaunch", "cuLaunch", "cudaGraphLaunch")
_WAITS = ("cudaStreamSynchronize", "cudaEventSynchronize", "cudaMemcpy")
_STYLEGAN2_ON_AN_A100 = 1000 / 12.53
"""Images a second of StyleGAN2's step, generator and discriminator, at 256 pixels on one A100: 12.53 s per 1,000 images
are published with StyleGAN3 (Karras et al., 2021)."""


@dataclass(frozen=True, slots=True)
class Switches:
    """One way to compute a training step.

    Attributes:
        preset: The network.
        batch: Images a step.
        precision: What convolutions are computed in.
        compiled: Whether torch.compile compiles the step.
        channels_last: Whether the channels of a place lie side by side in memory.
    """

    preset: str
    batch: int
    precision: Precision = "bfloat16"
    compiled: Compilation = "true"
    channels_last: bool = True

    @property
    def name(self) -> str:
        """What its speed is called in the result."""
        words = [self.preset, str(self.batch), "bf16" if self.precision == "bfloat16" else "fp32"]
        words += ["compiled"] if self.compiled == "true" else []
        return "_".join(words if self.channels_last else [*words, "channels_first"])


_ON_A_GPU = (
    Switches("faces64", 64, compiled="false"),
    Switches("faces64", 64),
    Switches("paper256", 32, compiled="false"),
    Switches("paper256", 32),
    Switches("faces64", 64, "float32"),
    Switches("paper256", 32, "float32"),
    Switches("faces64", 64, channels_last=False),
)
_QUICK = (
    Switches("digits", 8, "float32", compiled="false"),
    Switches("digits", 8, compiled="false"),
    Switches("digits", 8, compiled="false", channels_last=False),
)


def measure(device: str, quick: bool) -> dict[str, float]:
    """Measures training on a device, and prints what it finds.

    Args:
        device: "cpu" or a GPU.
        quick: Whether a small network, some steps and no compiler will do.

    Returns:
        Figures by name: the difference of a gradient from the CPU's, images a second, shares of the matrix product's
        speed, and what a step asks of the CPU.
    """
    click.echo(f"Training on {device}:")
    found = {"gradient_relative_difference": _gradient_difference("digits" if quick else "faces64", device)}
    click.echo(f"  a step's gradient differs from the CPU's by {found['gradient_relative_difference']:.2g} of its norm")
    peaks: dict[Precision, float] = {}
    dtypes: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    for precision, dtype in dtypes.items():
        product = Product.of_side(512, device, dtype) if quick else Product.fastest(device, dtype)
        peaks[precision] = product.gflops(0.1 if quick else 1.0)
    found |= {f"{precision}_product_tflops": peak / 1000 for precision, peak in peaks.items()}
    click.echo(", ".join(f"  {name} matrix product: {peak / 1000:.3g} TFLOP/s" for name, peak in peaks.items()))
    for switches in _QUICK if quick else _ON_A_GPU:
        found |= _speed(switches, device, peaks["bfloat16"], seconds=0.1 if quick else 1.5)
    return found


def _gradient_difference(preset: str, device: str) -> float:
    """Returns |g - g'| / |g| of the gradients of one step on the CPU and on a device, without TF32."""
    with torch.backends.cudnn.flags(allow_tf32=False):
        steps = [_Steps(Switches(preset, 8, "float32", compiled="false"), where) for where in ("cpu", device)]
        for some in steps:
            some.take(1)
    on_cpu, there = (some.stepper.parameters.gradients.cpu().double() for some in steps)
    return float((on_cpu - there).norm() / on_cpu.norm())


def _speed(switches: Switches, device: str, peak: float, *, seconds: float) -> dict[str, float]:
    steps, started = _Steps(switches, device), perf_counter()
    steps.take(_WARM_UP)
    warm_up = perf_counter() - started
    speed = steps.images_a_second(seconds)
    share = 2e-9 * steps.multiply_adds * speed / peak
    launches, waits = steps.calls()
    words = f"  {switches.name}: {speed:,.0f} images a second, {share:.1%} of the bfloat16 product; "
    if switches.preset == "paper256":
        words += f"{speed / _STYLEGAN2_ON_AN_A100:.3g} times StyleGAN2's step on an A100; "
    click.echo(f"{words}first {_WARM_UP} steps {warm_up:.0f} s; a step: {launches:g} launches, {waits:g} waits")
    found = {"images_per_second": speed, "share": share, "first_steps_seconds": warm_up}
    found |= {"launches_per_step": launches, "waits_per_step": waits}
    return {f"{switches.name}_{figure}": value for figure, value in found.items()}


class _Steps:
    """Steps of a training, one after the other."""

    def __init__(self, switches: Switches, device: str) -> None:
        self.batch, self.spec = switches.batch, spec_of(switches.preset)
        model = VAE.initialised(self.spec, 0).to(device)
        if not switches.channels_last:
            model = model.to(memory_format=torch.contiguous_format)
        shape = (self.spec.channels, self.spec.resolution, self.spec.resolution)
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randint(256, (1024, *shape), generator=generator, dtype=torch.uint8).to(device)
        plan = FitPlan(
            steps=1,
            batch_size=switches.batch,
            learning_rate=0.002,
            kl_weight=1,
            ema_images=4000,
            seed=0,
            precision=switches.precision,
            compiled=switches.compiled,
        )
        form = ExampleForm(n=len(self.images), n_decoded=0, shape=shape, dtype=torch.uint8)
        self.stepper = Stepper(model, plan, form, ranks=ALONE, scale=PIXELS, perceptual=None)
        self._done = 0

    @property
    def multiply_adds(self) -> float:
        """Those of one image's share of a step."""
        model = VAE.initialised(self.spec, 0)
        x = torch.zeros(1, self.spec.channels, self.spec.resolution, self.spec.resolution)
        return 3 * multiply_adds(lambda: model(x, torch.zeros(1, self.spec.latent_dim)))

    def take(self, n: int) -> None:
        """Takes n steps and waits for them."""
        self._launch(n)
        self.stepper.figures()

    def _launch(self, n: int) -> None:
        for _ in range(n):
            self.stepper.advance(self._done, self.images)
            self._done += 1

    def images_a_second(self, seconds: float) -> float:
        """Returns the median speed of some rounds of about so many seconds."""
        started = perf_counter()
        self.take(2)
        n = max(2, round(2 * seconds / (perf_counter() - started)))
        return median(self.batch * n / self._seconds_of(n) for _ in range(_ROUNDS))

    def _seconds_of(self, n: int) -> float:
        started = perf_counter()
        self.take(n)
        return perf_counter() - started

    def calls(self) -> tuple[float, float]:
        """Returns how many kernels or graphs a step launches, and how often it waits, by torch's profiler."""
        on_gpu = [ProfilerActivity.CUDA] if self.images.is_cuda else []
        with profile(activities=[ProfilerActivity.CPU, *on_gpu]) as profiled:
            self._launch(_PROFILED)
        names = [event.name for event in profiled.events()]
        launches = sum(name.startswith(_LAUNCHES) for name in names)
        return launches / _PROFILED, sum(name in _WAITS for name in names) / _PROFILED


main = command(measure, "Measures the training step on a GPU if there is one.")

if __name__ == "__main__":
    main()
