"""The bandwidth of the latent density, by samples of a model: as narrow as it may be before they are copies.

A narrower kernel makes samples that are more like the real ones, and in the end nothing but the training examples. The
figures of copies say where that begins. They are measured against the part select, so nothing is seen of the part test.

The limits on the tail are those by which models are judged. In the mean the samples are to be as far from the training
examples as real ones are, though models may be judged more mildly; only where no bandwidth reaches that, since the
decoder leaves out too much detail, they have to be as far as reconstructions of examples of select are.
"""

from collections.abc import Mapping

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.figures import LEAST_NEAREST_RATIO, SUMMARY
from lds_mlflow.choices.kernels import ISOTROPIC
from lds_mlflow.latent import bandwidth
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics import CopyLimits, copy_limits
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
    """Returns that of MULTIPLES with the lowest FID whose samples keep the limits on copies, in the mean and the tail.

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
    unseen = codec.encode(yardstick.real.held_out.examples_N, ranks=ranks)
    mildest = copy_limits(yardstick.measure_reconstructions(codec.decode(unseen.mean, ranks=ranks)))
    strict = mildest._replace(least_nearest_ratio=LEAST_NEAREST_RATIO)
    by_multiple = dict(zip(MULTIPLES, found, strict=True))
    reaches_it = any(figures["nearest_ratio"] >= LEAST_NEAREST_RATIO for figures in found)
    limits = strict if reaches_it else mildest
    allowed = {multiple: figures["fid"] for multiple, figures in by_multiple.items() if _keeps(figures, limits)}
    chosen = min(allowed, key=allowed.__getitem__, default=1.0)
    return Calibration(
        multiple=chosen,
        sigma=chosen * width,
        qualifies=bool(allowed),
        n_samples=n,
        extractor=yardstick.extractor.name,
        curve={"multiple": MULTIPLES} | {name: tuple(figures[name] for figures in found) for name in SUMMARY},
        least_nearest_ratio=limits.least_nearest_ratio,
        most_tail_share=limits.most_tail_share,
    )


def _keeps(figures: Mapping[str, float], limits: CopyLimits) -> bool:
    # Without what chance may add to the tail, which the judges of models allow: what passes here by chance alone would
    # be refused there, by other samples.
    is_far_enough = figures["nearest_ratio"] >= limits.least_nearest_ratio
    return is_far_enough and figures["tail_share"] <= limits.most_tail_share
