"""Step `calibrate`: the bandwidth of the sampler density, by the part select."""

import pandas as pd

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.choices.kernels import ISOTROPIC
from lds_mlflow.config import CalibrateConfig
from lds_mlflow.metrics import RealExamples
from lds_mlflow.metrics.yardstick import Yardstick
from lds_mlflow.pictures import calibration_chart
from lds_mlflow.recipes.calibration import MOST_SAMPLES, calibrate
from lds_mlflow.recipes.extractors import extractor_as_configured, judge_of, outside_of
from lds_mlflow.recipes.models import open_codec
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Calibration, ExampleSet, ModelWeights

__all__ = ["outside", "run"]


def outside(config: CalibrateConfig) -> str:
    """Returns the digest of the weights or the program that the step reads, or ""."""
    return outside_of(config)


def run(config: CalibrateConfig, context: Context) -> str:
    """Stores the `calibration`, and logs the figures of every multiple as a table and a chart."""
    data, device = context.inputs["data"], context.device
    train, select = data.load(ExampleSet, "train"), data.load(ExampleSet, "select")
    classifier = context.inputs.get("classifier")
    judge = None if classifier is None else judge_of(classifier.load(ModelWeights, "classifier"), device)
    extractor = extractor_as_configured(
        config, judge, train, device=device, cache=context.cache_path, ranks=context.ranks
    )
    real = RealExamples(train, select.spread(MOST_SAMPLES))
    yardstick = Yardstick.of(real, extractor=extractor, judge=None, k=config.k_neighbours)
    codec = open_codec(context.inputs["model"], train, device)
    posterior = codec.encode(train.examples_N, ranks=context.ranks)
    found = calibrate(codec, posterior, yardstick, kernel=config.sampler_kernel, ranks=context.ranks)
    context.run.log_value(found, "calibration")
    _log_choice(found, context)
    return _sentence(found, config.sampler_kernel)


def _log_choice(found: Calibration, context: Context) -> None:
    table = pd.DataFrame(found.curve)
    context.run.log_table(table, "calibration.csv")
    context.run.log_params({"extractor": found.extractor})
    context.run.log_figures({"multiple": found.multiple, "sigma": found.sigma}, listed=("sigma",))
    titles = {name: FIGURES[name].title for name in found.curve if name in FIGURES}
    chart = calibration_chart(found.curve, titles, found.multiple)
    context.run.log_picture(chart, "pictures/calibration.png")


def _sentence(found: Calibration, kernel: str) -> str:
    at = found.curve["multiple"].index(found.multiple)
    figures = ", ".join(
        f"{figure.title} {found.curve[name][at]:.3g}" for name, figure in FIGURES.items() if name in found.curve
    )
    shape = "" if kernel == ISOTROPIC else f", kernel {kernel}"
    chosen = f"sigma {found.sigma:.3g}, {found.multiple:g} x {DRAFTS_BANDWIDTH}{shape}: {figures}"
    limits = f"nearest-neighbour ratio {found.least_nearest_ratio:.3g}, tail share {found.most_tail_share:.3g}"
    measured = f"by {found.n_samples:,} samples of each multiple against select, by {found.extractor}"
    if found.qualifies:
        return f"{chosen}; the lowest FID among multiples that keep the limits on copies ({limits}), {measured}"
    return f"{chosen}; this bandwidth stays, as no multiple keeps the limits on copies ({limits}), {measured}"
