"""Encoding, decoding and features on a device: whether the CPU agrees, and how many images a second.

    python -m benchmarks.gpu.inference            # about half a minute on a GPU
    python -m benchmarks.gpu.inference --quick    # seconds

Images come from memory, and the results return to it. Weights are random. Everything is in float32, except what torch
lets a GPU's convolutions round on their way (TF32), as it does unless it is told otherwise.
"""

import copy
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import click
import torch
from torch import Tensor, nn

from benchmarks.gpu.command import command
from benchmarks.product import seconds_of
from lds_mlflow.choices import load
from lds_mlflow.choices.extractors import EXTRACTORS
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE, VaeSpec, spec_of

__all__ = ["measure"]

Extract = Callable[[Tensor], Tensor]


def measure(device: str, quick: bool) -> dict[str, float]:
    """Measures encoding, decoding and features on a device, and prints what it finds.

    Args:
        device: "cpu" or a GPU.
        quick: Whether a small model and few images will do.

    Returns:
        Figures by name: differences from the CPU, and images a second.
    """
    spec = spec_of("digits" if quick else "faces64")
    n, n_compared = (300, 16) if quick else (8192, 64)
    images = torch.randint(256, (n, spec.channels, spec.resolution, spec.resolution), dtype=torch.uint8)
    rounds = device != "cpu" and torch.backends.cudnn.allow_tf32
    click.echo(f"Encoding and decoding {spec.resolution}x{spec.resolution} pixels on {device}:")
    click.echo(f"  convolutions may round their factors to TF32: {'yes' if rounds else 'no'}")
    model = VAE.initialised(spec, 0).eval()
    found = _differences(model, images[:n_compared], device) | _coding(model.to(device), images)
    return found | _features(spec, images, device, n_large=2 if quick else 2048)


def _differences(model: VAE, images: Tensor, device: str) -> dict[str, float]:
    other = copy.deepcopy(model).to(device)
    on_cpu, there = Codec(model).encode(images).mean, Codec(other).encode(images).mean
    z = torch.randn(on_cpu.shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        decoded, decoded_there = model.decode(z), other.decode(z.to(device)).cpu()
    levels = (Codec(model).decode(z).int() - Codec(other).decode(z).int()).abs().max().item()
    alone = torch.cat([Codec(other).decode(some) for some in z[:4].split(1)])
    found = {
        "encoding_largest_difference": (on_cpu - there).abs().max().item(),
        "encoding_relative_difference": ((on_cpu - there).norm() / on_cpu.norm()).item(),
        "decoding_largest_difference": (decoded - decoded_there).abs().max().item(),
        "decoding_relative_difference": ((decoded - decoded_there).norm() / decoded.norm()).item(),
        "decoding_largest_difference_in_levels": float(levels),
        "decoded_alone_as_together": float(torch.equal(alone, Codec(other).decode(z)[:4])),
    }
    for part in ("encoding", "decoding"):
        largest, relative = (found[f"{part}_{kind}_difference"] for kind in ("largest", "relative"))
        click.echo(f"  {part} differs from the CPU by {largest:.2g} at most, and by {relative:.2g} of the norm")
    click.echo(f"  decoded pixels differ by {levels} of 255 levels at most")
    click.echo(f"  a latent gives the same image alone: {'yes' if found['decoded_alone_as_together'] else 'NO'}")
    return found


def _coding(model: VAE, images: Tensor) -> dict[str, float]:
    codec = Codec(model)
    z_ND = codec.encode(images).mean
    codec.decode(z_ND[:256])
    found = {
        "encoded_per_second": len(images) / seconds_of(lambda: codec.encode(images)),
        "decoded_per_second": len(images) / seconds_of(lambda: codec.decode(z_ND)),
        "decoding_one_ms": 1000 * seconds_of(lambda: codec.decode(z_ND[:1])),
    }
    click.echo(f"  encoding {len(images):,} images: {found['encoded_per_second']:,.0f} images a second")
    click.echo(f"  decoding {len(images):,} images: {found['decoded_per_second']:,.0f} images a second")
    click.echo(f"  decoding one image: {found['decoding_one_ms']:.1f} ms")
    return found


def _features(spec: VaeSpec, images: Tensor, device: str, *, n_large: int) -> dict[str, float]:
    click.echo("Features:")
    found = {}
    try:
        for name, extract in _extractors(spec, device):
            # Images are resized to the side that Inception and SqueezeNet were trained on: fewer will do.
            some = images if name == "classifier" else images[:n_large]
            extract(some[:256])
            found[f"{name}_per_second"] = len(some) / seconds_of(partial(extract, some))
            click.echo(f"  {name}, {len(some):,} images: {found[f'{name}_per_second']:,.0f} images a second")
    except ImportError as error:
        click.echo(f"  what comes next is not measured, because a package is missing: {error}")
    return found


def _extractors(spec: VaeSpec, device: str) -> Iterator[tuple[str, Extract]]:
    # The package of the metrics needs torch-fidelity and scipy, which may be missing where a GPU is borrowed.
    metrics = import_module("lds_mlflow.metrics")
    classifier = metrics.Classifier(spec.resolution, spec.channels, n_classes=10)
    yield "classifier", metrics.ClassifierExtractor(classifier.to_weights(), device).features
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pth")
        torch.save(import_module("torchvision.models").squeezenet1_0().state_dict(), path)
        yield "squeezenet", load(EXTRACTORS["squeezenet"].at)(path, device).features
        torch.save(_inception().state_dict(), path)
        yield "inception", load(EXTRACTORS["inception"].at)(path, device).features


def _inception() -> nn.Module:
    """Returns torch-fidelity's network with random weights, where it would download those of others."""
    module = import_module("torch_fidelity.feature_extractor_inceptionv3")
    network = module.FeatureExtractorInceptionV3
    with (
        patch.object(module, "load_state_dict_from_url", lambda *args, **kwargs: {}),
        patch.object(network, "load_state_dict", lambda *args, **kwargs: None),
    ):
        model: nn.Module = network("inception-v3-compat", ["2048"])
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return model


if __name__ == "__main__":
    command(measure, "Measures encoding, decoding and features.")()
