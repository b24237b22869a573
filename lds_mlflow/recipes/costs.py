"""What a training will cost, estimated from a short probe of each piece of work on this machine."""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from time import monotonic, perf_counter
from typing import NamedTuple

import torch
from torch import nn

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.config import AugmentConfig, FinetuneConfig, TrainConfig
from lds_mlflow.latent import bandwidth, draw_candidates, score_candidates
from lds_mlflow.machine.durations import in_words
from lds_mlflow.machine.memory import forget_peak, peak_bytes
from lds_mlflow.machine.ranks import Ranks
from lds_mlflow.models import Codec
from lds_mlflow.recipes.fit_requests import steps_at_most, training_as_configured
from lds_mlflow.training import FitHooks, FitPlan, FitTask, fit
from lds_mlflow.training.ending import ending_of
from lds_mlflow.values import ExampleSet

__all__ = ["Costs", "estimate_costs"]

_PROBE_SECONDS = 5.0
_LEAST_STEPS, _ENOUGH_STEPS, _PATIENCE = 2, 5, 4
"""Steps that are measured at least, and those that are waited for, up to so many times the time of a probe."""
_WARM_UPS = {"cpu": 1, "cuda": 5}
"""Steps that aren't counted: on a GPU these compile the step and capture it as one launch."""
_CODED, _SCORED = 32, 2000
_BYTES = 4


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured and calculated about a training, and about the steps that follow it.

    Attributes:
        measured: Figures of the probe, by name.
        calculated: Figures that follow from them, by name; hours for the whole of each step.
    """

    measured: dict[str, float]
    calculated: dict[str, float]

    def table(self) -> str:
        """Returns the measured and the calculated figures as lines of text."""
        lines = [
            f"parameters                {self.measured['parameters'] / 1e6:,.2f} M",
            f"peak memory               {self.measured['peak_gib']:,.2f} GiB, measured in training",
            f"training                  {self.measured['examples_per_second']:,.1f} examples a second, and "
            f"{self.measured['examples_per_second_with_discriminator']:,.1f} where a discriminator takes part, "
            f"measured over {self.measured['probed_steps']:.0f} steps",
            f"encoding, decoding        {self.measured['encoded_per_second']:,.1f} and "
            f"{self.measured['decoded_per_second']:,.1f} examples a second, measured",
            f"scoring                   {self.measured['scored_per_second']:,.0f} candidates a second, measured",
            *(
                f"{step:<26}{in_words(3600 * self.calculated[f'{step}_hours'])}, calculated"
                for step in ("train", "augment", "finetune")
            ),
            f"checkpoint, model         {self.calculated['checkpoint_mib']:,.0f} and "
            f"{self.calculated['model_mib']:,.0f} MiB, calculated",
            f"logged by train           {self.calculated['points']:,.0f} points of curves, calculated, "
            f"{self.calculated['progress_pictures']:,.0f} pictures of samples on the way, pictures of the curves, "
            "samples and reconstructions, figures of both parts, the use of the machine, and the model",
        ]
        return "\n".join(lines)


def estimate_costs(
    train: TrainConfig,
    augment: AugmentConfig,
    finetune: FinetuneConfig,
    examples: ExampleSet,
    *,
    checkpoint_every: int,
    device: str,
    ranks: Ranks,
    probe_seconds: float | None = None,
) -> Costs:
    """Trains for some seconds, decodes, encodes and scores a little, and extrapolates.

    Args:
        train: How to train.
        augment: How A is made; its candidates are estimated as sampled ones.
        finetune: How to finetune; with batches of the size of training's.
        examples: The training examples.
        checkpoint_every: Steps of training between two checkpoints.
        device: Where to compute.
        ranks: The processes that share the work.
        probe_seconds: How long to train without a discriminator, and again with it; None takes five seconds each.
    """
    probe_seconds = _PROBE_SECONDS if probe_seconds is None else probe_seconds
    most = steps_at_most(train, examples)
    task = training_as_configured(train, examples, checkpoint_every=most + 1).task
    codec = Codec(task.model.to(device), task.scale)
    _forget_peak(device)
    plain = _probe(task, replace(task.plan, adversarial_weight=0.0, feature_weight=0.0), ranks, probe_seconds)
    judged = plain
    if task.plan.has_adversary:
        judged = _probe(task, replace(task.plan, adversary_after=0), ranks, probe_seconds)
    peak = _peak_bytes(device)
    fall = ending_of(replace(task.plan, until_done=False), ()).fall
    joins = fall if task.plan.adversary_after is None else min(fall, task.plan.adversary_after)
    n, n_added = len(examples), ceil(augment.augmentation_ratio * len(examples))
    n_candidates = ceil(n_added / augment.top_fraction)
    task.model.eval()
    encoding, decoding = _coding_seconds(codec, examples)
    scoring = _scoring_seconds(n, n_candidates, codec)
    parameters = _size(task.model)
    of_discriminator = _size(task.model.new_discriminator()) if task.plan.has_adversary else 0
    measured = {
        "parameters": parameters,
        "peak_gib": peak / 2**30,
        "examples_per_second": task.plan.batch_size / plain.seconds,
        "examples_per_second_with_discriminator": task.plan.batch_size / judged.seconds,
        "probed_steps": plain.steps + judged.steps if task.plan.has_adversary else plain.steps,
        "encoded_per_second": 1 / encoding,
        "decoded_per_second": 1 / decoding,
        "scored_per_second": 1 / scoring,
    }
    augmenting = n * encoding + n_candidates * scoring + n_added * decoding
    calculated = {
        "train_hours": (joins * plain.seconds + (most - joins) * judged.seconds) / 3600,
        "augment_hours": augmenting / 3600,
        "finetune_hours": finetune.finetune_steps * judged.seconds / 3600,
        # Weights and Adam's two moments of both networks, and the moving average of the model's weights.
        "checkpoint_mib": _BYTES * (4 * parameters + 3 * of_discriminator) / 2**20,
        "model_mib": _BYTES * parameters / 2**20,
        "progress_pictures": most // checkpoint_every,
        "points": judged.n_curves * ceil(most / task.plan.log_every),
    }
    return Costs(measured, calculated)


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


class _Probe(NamedTuple):
    """What was measured of some steps of training.

    Attributes:
        steps: Their number.
        seconds: What the fastest of them takes, warm-ups aside.
        n_curves: How many figures are logged of it.
    """

    steps: int
    seconds: float
    n_curves: int


def _probe(task: FitTask, plan: FitPlan, ranks: Ranks, seconds: float) -> _Probe:
    warm_up, moments = _WARM_UPS[task.model.device.type], [monotonic()]

    def is_enough() -> bool:
        moments.append(monotonic())
        steps, spent = len(moments) - 1 - warm_up, moments[-1] - moments[min(warm_up, len(moments) - 1)]
        return spent > seconds * (1 if steps >= _ENOUGH_STEPS else _PATIENCE) and steps >= _LEAST_STEPS

    curves: dict[str, float] = {}
    # At the full learning rate to the end, since a fit that ends by itself never gets far enough to tell.
    plan = replace(plan, steps=max(plan.steps, warm_up + _LEAST_STEPS), log_every=1, rate_fall=0, until_done=False)
    hooks = FitHooks(on_metrics=lambda _, figures: curves.update(figures), stop=is_enough, description="probing")
    fit(replace(task, plan=plan), ranks=ranks, hooks=hooks)
    # The fastest: threads that wait for a core which another process has make a step up to a hundred times slower.
    fastest = min(end - start for start, end in pairwise(moments[warm_up:]))
    return _Probe(len(moments) - 1, fastest, len(curves))


def _coding_seconds(codec: Codec, examples: ExampleSet) -> tuple[float, float]:
    """Returns the seconds of encoding an example, and of decoding one."""
    some = examples.spread(_CODED).examples_N
    codec.encode(some[:1])
    started = perf_counter()
    z_ND = codec.encode(some).mean
    encoded = perf_counter()
    codec.decode(z_ND)
    return (encoded - started) / len(some), (perf_counter() - encoded) / len(some)


def _scoring_seconds(n: int, n_candidates: int, codec: Codec) -> float:
    """Returns the seconds of scoring a candidate by n training latents; made-up latents take as long as real ones."""
    generator = torch.Generator().manual_seed(0)
    z_ND = torch.randn(n, codec.latent_dim, generator=generator).to(codec.device)
    candidates = draw_candidates(z_ND, min(n_candidates, _SCORED), generator=generator)
    score_candidates(candidates.take(torch.arange(1)), z_ND, sigma=1.0)
    started = perf_counter()
    score_candidates(candidates, z_ND, sigma=float(bandwidth(z_ND, DRAFTS_BANDWIDTH).sigma))
    return (perf_counter() - started) / len(candidates.alpha_M)


def _forget_peak(device: str) -> None:
    if device == "cpu":
        forget_peak()
    else:
        torch.cuda.reset_peak_memory_stats()


def _peak_bytes(device: str) -> int:
    return peak_bytes() if device == "cpu" else torch.cuda.max_memory_allocated()
