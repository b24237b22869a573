"""How much memory encoding, scoring and features take beyond their results, by the number of images. Linux alone.

    python -m benchmarks.streaming            # 5,000 and 50,000 images, some minutes
    python -m benchmarks.streaming --quick    # 1,000 and 4,000

The images, 32x32 in colour, lie in a stored value, whose tensors are mapped into memory: pages of files are the
system's to drop, so what is counted is memory of the process's own (RssAnon), watched every few milliseconds, in a
process a measurement. The last line is one JSON object.
"""

import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import click
import torch
from torch import Tensor

from lds_mlflow.latent import log_density
from lds_mlflow.metrics import Classifier, ClassifierExtractor
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.store import load_value, save_value
from lds_mlflow.values import ExampleSet

__all__ = ["main"]

_PRESET, _LATENTS = "colour32", 1000


@click.command()
@click.option("--quick", is_flag=True, help="Fewer images.")
def main(quick: bool) -> None:
    """Measures memory at two numbers of images."""
    few, many = (1000, 4000) if quick else (5000, 50_000)
    result: dict[str, float | int] = {"few": few, "many": many}
    with tempfile.TemporaryDirectory() as name:
        for label, n in (("few", few), ("many", many)):
            folder = Path(name) / label
            save_value(_images(n), folder)
            for work in _WORK:
                extra = _measured(work, folder)
                result[f"{work}_extra_mib_{label}"] = round(extra, 1)
                click.echo(f"{work} of {n:,} images: {extra:.1f} MiB beyond the results")
    click.echo(json.dumps(result))


def _images(n: int) -> ExampleSet:
    pixels = torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return ExampleSet("made up", pixels, tuple(map(str, range(n))))


def _encode(images: ExampleSet) -> Callable[[], list[Tensor]]:
    model = VAE.initialised(spec_of(_PRESET), 0).eval()
    return lambda: list(Codec(model).encode(images.examples_N).moments)


def _features(images: ExampleSet) -> Callable[[], list[Tensor]]:
    extractor = ClassifierExtractor(Classifier(32, 3, 10).eval().to_weights())
    return lambda: [extractor.features(images.examples_N)]


def _score(images: ExampleSet) -> Callable[[], list[Tensor]]:
    z_ND = torch.randn(_LATENTS, 64)
    candidates = torch.randn(len(images), 64)
    return lambda: [log_density(candidates, z_ND, sigma=3.0)]


_WORK = {"encoding": _encode, "features": _features, "scoring": _score}


def _measured(work: str, folder: Path) -> float:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, work, folder))
    process.start()
    extra: float = receiver.recv()
    process.join()
    return extra


def _measure(sender: Connection, work: str, folder: Path) -> None:
    images = load_value(ExampleSet, folder)
    _WORK[work](_images(300))()
    run = _WORK[work](images)
    peak, before, is_over = 0, _own_kib(), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_over.is_set():
            peak = max(peak, _own_kib())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    results = run()
    is_over.set()
    watcher.join()
    sender.send((peak - before) / 1024 - sum(tensor.nbytes for tensor in results) / 2**20)


def _own_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


if __name__ == "__main__":
    main()
