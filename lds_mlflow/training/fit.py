"""One loop for training and finetuning: seeded step by step, resumable, stoppable, by one process or several.

Step t draws its batch and its noise from a generator seeded with (seed, t) alone, so a fit that resumes at t goes on
exactly as the uninterrupted one. Of several processes each takes its share of the same batch: how many they are changes
no more than how sums are rounded.
"""

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from lds_mlflow.errors import ConfigError, TrainingError
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models.coding import keep_exemplars
from lds_mlflow.models.stylegan import VAE, VaeSpec
from lds_mlflow.training.checkpoint import Checkpoint, CheckpointFile, History
from lds_mlflow.training.plan import FitPlan
from lds_mlflow.training.stepper import Stepper

__all__ = ["FitResult", "fit"]


@dataclass(frozen=True, slots=True)
class FitResult:
    """A fit that ended.

    Attributes:
        model: The moving average of the weights, in evaluation mode.
        step: Steps done: fewer than planned where the fit was stopped.
        skipped: Steps that were skipped as not finite.
        images_per_second: Over this process's own steps.
        resumed_from: The tracked run whose checkpoint was gone on from, or "".
    """

    model: VAE
    step: int
    skipped: int
    images_per_second: float
    resumed_from: str = ""


@dataclass(frozen=True, slots=True)
class _Joining:
    """What a process has to know that joins a fit.

    Attributes:
        spec: The network.
        frozen: Names of its parameters that stay as they are.
        state: Weights, and the state of the stepper, by torch.save.
        plan: How to fit.
        step: Steps done before.
        n: Images.
        n_decoded: Latents that the encoder is to find.
        perceptual: The distance that is part of the loss, or None.
    """

    spec: VaeSpec
    frozen: frozenset[str]
    state: bytes
    plan: FitPlan
    step: int
    n: int
    n_decoded: int
    perceptual: nn.Module | None


class _Fit:
    """A fit as the process that leads it has it."""

    def __init__(
        self, model: VAE, images: Tensor, plan: FitPlan, *, z_AD: Tensor | None, stepper: Stepper, ranks: Ranks
    ) -> None:
        self.model, self.images, self.plan, self.z_AD = model, images, plan, z_AD
        self.at_hand = at_hand(images, model.device)
        self.stepper, self.ranks = stepper, ranks
        self.ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.ema_decay))
        self.step, self.skipped = 0, 0
        self.history: History = []

    def averaged(self) -> VAE:
        model = self.ema.module
        assert isinstance(model, VAE)
        keep_exemplars(model.eval(), self.images)
        return model

    def restore(self, checkpoint: Checkpoint) -> None:
        self.model.load_state_dict(checkpoint.model)
        self.ema.load_state_dict(checkpoint.ema)
        self.stepper.restore(checkpoint.stepper)
        self.step, self.skipped, self.history = checkpoint.step, checkpoint.skipped, checkpoint.history

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            step=self.step,
            model=self.model.state_dict(),
            ema=self.ema.state_dict(),
            stepper=self.stepper.state(),
            history=self.history,
            skipped=self.skipped,
        )

    def advance(self) -> dict[str, Tensor]:
        figures, taken = self.stepper.advance(self.step, self.at_hand, self.z_AD)
        if taken:
            self.ema.update_parameters(self.model)
        else:
            self._skip()
        self.step += 1
        return figures

    def _skip(self) -> None:
        self.skipped += 1
        if self.skipped > self.plan.max_skipped:
            raise TrainingError(
                f"step {self.step:,} of training",
                found=f"a loss or gradient that is not finite, in {self.skipped} steps so far",
                expected=f"at most {self.plan.max_skipped} such steps",
                remedy="Lower the learning rate.",
            )


def fit(
    model: VAE,
    images_NCHW: Tensor,
    plan: FitPlan,
    *,
    ranks: Ranks = ALONE,
    z_AD: Tensor | None = None,
    perceptual: nn.Module | None = None,
    checkpoints: CheckpointFile | None = None,
    on_metrics: Callable[[int, dict[str, float]], None] = lambda step, figures: None,
    on_checkpoint: Callable[[int, VAE], None] = lambda step, model: None,
    stop: Callable[[], bool] = lambda: False,
    description: str = "training",
) -> FitResult:
    """Fits a model to images by the evidence lower bound with an optimal-variance Gaussian likelihood.

    What doesn't require a gradient stays as it is. The exemplars of an exemplar prior are the first of the images.

    Args:
        model: The network to begin with; it is changed.
        images_NCHW: Training images, uint8 [N, C, H, W].
        plan: How to fit.
        ranks: The processes that share the work; this one leads, the others are in `follow`.
        z_AD: Latents that the last A of the images were decoded from. Given, these train the encoder alone, which shall
            find them: -log q(z | x), the sleep phase of Hinton et al., The Wake-Sleep Algorithm, 1995.
        perceptual: A distance of two batches of images in -1..1, which is added to the loss.
        checkpoints: Where to keep the state; a fit that finds one there goes on from it.
        on_metrics: Called with a step and figures, also for those that a resumed fit already has: `loss` and `kl` in
            nats an image, `reconstruction_mse` in 0..1 pixel units, and `gradient_norm`; where they are part of the
            loss, `latent_nll`, `perceptual_distance`, `adversarial`, `discriminator_loss` and
            `discriminator_gradient_norm`.
        on_checkpoint: Called after each periodic checkpoint with the moving average of the model.
        stop: Asked after every step; when it says so, the state is saved and the fit ends early.
        description: The label of the progress bar.

    Raises:
        TrainingError: Too many steps were not finite.
        ConfigError: The batch can't be divided evenly among the processes.
        ArtifactError: The checkpoint found can't be used.
        DiskFullError: A checkpoint doesn't fit on the disk.
    """
    if plan.batch_size % ranks.size:
        raise ConfigError(
            "batch_size",
            found=f"{plan.batch_size} images for {ranks.size} processes",
            expected="the same number of images for each process",
            remedy=f"Give a multiple of {ranks.size}.",
        )
    keep_exemplars(model, images_NCHW)
    n, n_decoded = len(images_NCHW), 0 if z_AD is None else len(z_AD)
    stepper = Stepper(model, plan, ranks, n=n, n_decoded=n_decoded, perceptual=perceptual)
    state = _Fit(model, images_NCHW, plan, z_AD=z_AD, stepper=stepper, ranks=ranks)
    saved = checkpoints.load() if checkpoints else None
    if saved:
        state.restore(saved)
        for step, figures in state.history:
            on_metrics(step, figures)
    if ranks.size > 1:
        ranks.order(_follow, _joining(state, perceptual))
    begin, started, stopped = state.step, monotonic(), False
    with tqdm(total=plan.steps, initial=begin, desc=description, unit="step", mininterval=0.5) as bar:
        while ranks.agreed(state.step < plan.steps and not stopped):
            figures_now = state.advance()
            bar.update()
            if state.step % plan.log_every == 0 or state.step == plan.steps:
                figures = {name: value.item() for name, value in figures_now.items()}
                state.history.append((state.step, figures))
                on_metrics(state.step, figures)
                bar.set_postfix(loss=f"{figures['loss']:.1f}", kl=f"{figures['kl']:.1f}", refresh=False)
            stopped = stop()
            if checkpoints and (stopped or state.step % plan.checkpoint_every == 0):
                checkpoints.save(state.checkpoint())
            if state.step % plan.checkpoint_every == 0:
                on_checkpoint(state.step, state.averaged())
    seconds = max(monotonic() - started, 1e-9)
    return FitResult(
        model=state.averaged(),
        step=state.step,
        skipped=state.skipped,
        images_per_second=(state.step - begin) * plan.batch_size / seconds,
        resumed_from=saved.run_id if saved else "",
    )


def at_hand(images: Tensor, device: torch.device) -> Tensor:
    """Returns images where a step takes some of them from: a GPU's memory, where half of what is free holds them."""
    if device.type != "cuda" or images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return images
    return images.to(device)


def _follow(ranks: Ranks, joining: _Joining) -> None:
    """Takes this process's share of every step of a fit that another leads, until that one says that it is over.

    Args:
        ranks: The processes.
        joining: What the leader says of the fit.
    """
    model = VAE(joining.spec).to(ranks.device)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in joining.frozen)
    stepper = Stepper(
        model, joining.plan, ranks, n=joining.n, n_decoded=joining.n_decoded, perceptual=joining.perceptual
    )
    weights, state = torch.load(io.BytesIO(joining.state), map_location="cpu", weights_only=True)
    model.load_state_dict(weights)
    stepper.restore(state)
    step = joining.step
    while ranks.agreed(False):
        stepper.advance(step)
        step += 1


def _joining(fit: _Fit, perceptual: nn.Module | None) -> _Joining:
    content = io.BytesIO()
    torch.save((fit.model.state_dict(), fit.stepper.state()), content)
    return _Joining(
        spec=fit.model.spec,
        frozen=frozenset(name for name, parameter in fit.model.named_parameters() if not parameter.requires_grad),
        state=content.getvalue(),
        plan=fit.plan,
        step=fit.step,
        n=fit.stepper.n,
        n_decoded=fit.stepper.n_decoded,
        perceptual=None if perceptual is None else copy.deepcopy(perceptual).cpu(),
    )
