"""The bandwidth of the latent density, by samples of a model: as narrow as it may be before they are copies.

A narrower kernel makes samples that are more like the real ones, and in the end nothing but the training examples. The
figures of copies say where that begins. They are measured against the part select, so nothing is seen of the part test.
"""

from collections.abc import Mapping

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.figures import LEAST_NEAREST_RATIO, MOST_TAIL_SHARE, SUMMARY
from lds_mlflow.choices.kernels import ISOTROPIC
from lds_mlflow.latent import bandwidth
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.yardstick import Yardstick
from lds_mlflow.models import Codec, Posterior
from lds_mlflow.samplers import Generator, latent_density
from lds_mlflow.values import Calibration

__all__ = ["MOST_SAMPLES", "MULTIPLES", "calibrate"]

MULTIPLES = (1.5, 1.25, 1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.25, 0.2)
"""The multiples of the draft's bandwidth that are tried."""

MOST_SAMPLES = 2000
"""How many samples of each multiple are measured at most."""

_END_OF_SEEDS = 2**32


def calibrate(
    codec: Codec, posterior: Posterior, yardstick: Yardstick, *, kernel: str = ISOTROPIC, ranks: Ranks = ALONE
) -> Calibration:
    """Returns the smallest of MULTIPLES whose samples keep the limits on copies, of the mean distance and of the tail.

    The samples have the last of all seeds. Evaluations begin with the first ones, so they don't see the very samples by
    which the bandwidth was chosen, which look better than others of the same bandwidth.

    Args:
        codec: The model.
        posterior: The posteriors of the training examples.
        yardstick: What samples are measured by: its held-out examples are of the part select.
        kernel: The kernel of the density, a name of KERNELS.
        ranks: The processes that share the decoding.

    Raises:
        DataError: There are too few examples for a figure, or a feature or a latent is not finite.
    """
    n = len(yardstick.real.held_out)
    width = bandwidth(posterior.mean, DRAFTS_BANDWIDTH).sigma
    seeds = range(_END_OF_SEEDS - n, _END_OF_SEEDS)
    found: list[dict[str, float]] = []
    for multiple in MULTIPLES:
        generator = Generator(codec, latent_density(posterior.mean, sigma=str(multiple * width), kernel=kernel))
        found.append(yardstick.measure(generator.samples(seeds, ranks=ranks), SUMMARY))
    allowed = [multiple for multiple, figures in zip(MULTIPLES, found, strict=True) if _keeps_limits(figures)]
    chosen = min(allowed, default=1.0)
    return Calibration(
        multiple=chosen,
        sigma=chosen * width,
        qualifies=bool(allowed),
        n_samples=n,
        extractor=yardstick.extractor.name,
        curve={"multiple": MULTIPLES} | {name: tuple(figures[name] for figures in found) for name in SUMMARY},
    )


def _keeps_limits(figures: Mapping[str, float]) -> bool:
    # Without what chance may add to the tail, which the judges of models allow: what passes here by chance alone would
    # be refused there, by other samples.
    return figures["nearest_ratio"] >= LEAST_NEAREST_RATIO and figures["tail_share"] <= MOST_TAIL_SHARE
