"""One loop for training and finetuning: seeded step by step, resumable, stoppable.

Step t draws its batch and its noise from a generator seeded with (seed, t) alone, so a fit that resumes at t goes on
exactly as the uninterrupted one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from lds_mlflow.errors import TrainingError
from lds_mlflow.sampling import keep_exemplars, to_model_range
from lds_mlflow.training.checkpoint import Checkpoint, CheckpointFile, History
from lds_mlflow.vae import VAE, gaussian_nll, log_posterior

__all__ = ["FitPlan", "FitResult", "fit"]

_BETAS = (0.9, 0.99)
_GRADIENT_NORM = 1e4


@dataclass(frozen=True, slots=True)
class FitPlan:
    """How to fit.

    Attributes:
        steps: Optimizer steps.
        batch_size: Images a step, drawn with replacement.
        learning_rate: Adam's step size.
        kl_weight: Factor on the KL term; 1 is the evidence lower bound.
        ema_decay: Decay of the moving average of the weights, a step.
        seed: Determines batches and noise.
        log_every: Steps between two logged figures.
        checkpoint_every: Steps between two checkpoints.
        max_skipped: Steps with a loss or gradient that is not finite that are skipped before giving up.
    """

    steps: int
    batch_size: int
    learning_rate: float
    kl_weight: float
    ema_decay: float
    seed: int
    log_every: int = 50
    checkpoint_every: int = 1000
    max_skipped: int = 10


@dataclass(frozen=True, slots=True)
class FitResult:
    """A fit that ended.

    Attributes:
        model: The moving average of the weights, in evaluation mode.
        step: Steps done: fewer than planned where the fit was stopped.
        skipped: Steps that were skipped as not finite.
        images_per_second: Over this process's own steps.
    """

    model: VAE
    step: int
    skipped: int
    images_per_second: float


@dataclass(slots=True)
class _Fit:
    model: VAE
    plan: FitPlan
    images: Tensor
    z_AD: Tensor | None
    ema: AveragedModel = field(init=False)
    optimizer: torch.optim.Adam = field(init=False)
    step: int = 0
    skipped: int = 0
    history: History = field(default_factory=list)

    def __post_init__(self) -> None:
        average = get_ema_multi_avg_fn(self.plan.ema_decay)
        self.ema = AveragedModel(self.model, multi_avg_fn=average)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=self.plan.learning_rate, betas=_BETAS, fused=True)

    def averaged(self) -> VAE:
        model = self.ema.module
        assert isinstance(model, VAE)
        keep_exemplars(model.eval(), self.images)
        return model

    def restore(self, checkpoint: Checkpoint) -> None:
        self.model.load_state_dict(checkpoint.model)
        self.ema.load_state_dict(checkpoint.ema)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.step, self.skipped, self.history = checkpoint.step, checkpoint.skipped, checkpoint.history

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            step=self.step,
            model=self.model.state_dict(),
            ema=self.ema.state_dict(),
            optimizer=self.optimizer.state_dict(),
            history=self.history,
            skipped=self.skipped,
        )

    def advance(self) -> dict[str, Tensor]:
        plan, model = self.plan, self.model
        generator = _generator(plan.seed, self.step)
        loss, figures = self._loss(generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
        if torch.isfinite(loss) and torch.isfinite(norm):
            self.optimizer.step()
            self.ema.update_parameters(model)
        else:
            self._skip()
        self.step += 1
        return {"loss": loss.detach(), **figures, "gradient_norm": norm}

    def _loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        n, batch_size = len(self.images), self.plan.batch_size
        if self.z_AD is None:
            return self._evidence_bound(torch.randint(n, (batch_size,), generator=generator), generator)
        n_decoded = len(self.z_AD)
        of_decoded = batch_size * n_decoded // n
        index = torch.randint(n - n_decoded, (batch_size - of_decoded,), generator=generator)
        loss, figures = self._evidence_bound(index, generator)
        if not of_decoded:
            return loss, figures
        index = torch.randint(n_decoded, (of_decoded,), generator=generator)
        posterior = self.model.encode(self._pixels(n - n_decoded + index))
        found = -log_posterior(self.z_AD[index].to(self.model.device), *posterior).mean()
        share = of_decoded / batch_size
        return (1 - share) * loss + share * found, figures | {"latent_nll": found.detach()}

    def _evidence_bound(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        x = self._pixels(index)
        y, z, posterior = self.model(x, generator)
        kl = self.model.divergence(z, posterior, index.to(x.device)).mean()
        mse = (x - y.detach()).square().mean() / 4
        loss = gaussian_nll(x, y) + self.plan.kl_weight * kl
        return loss, {"reconstruction_mse": mse, "kl": kl.detach()}

    def _pixels(self, index: Tensor) -> Tensor:
        return to_model_range(self.images[index].to(self.model.device))

    def _skip(self) -> None:
        self.skipped += 1
        if self.skipped > self.plan.max_skipped:
            raise TrainingError(
                f"step {self.step:,} of training",
                found=f"a loss or gradient that is not finite; so far in {self.skipped} steps",
                expected=f"at most {self.plan.max_skipped} such steps",
                remedy="Lower the learning rate.",
            )


def fit(
    model: VAE,
    images_NCHW: Tensor,
    plan: FitPlan,
    *,
    z_AD: Tensor | None = None,
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
        z_AD: Latents that the last A of the images were decoded from. Given, these train the encoder alone, which shall
            find them: -log q(z | x), the sleep phase of Hinton et al., The Wake-Sleep Algorithm, 1995.
        checkpoints: Where to keep the state; a fit that finds one there goes on from it.
        on_metrics: Called with a step and figures (`loss` and `kl` in nats an image, `latent_nll` likewise where
            there are latents, `reconstruction_mse` in 0..1 pixel units, `gradient_norm`), also for those that a resumed
            fit already has.
        on_checkpoint: Called after each periodic checkpoint with the moving average of the model.
        stop: Asked after every step; when it says so, the state is saved and the fit ends early.
        description: The label of the progress bar.

    Raises:
        TrainingError: Too many steps were not finite.
        ArtifactError: The checkpoint found can't be used.
        DiskFullError: A checkpoint doesn't fit on the disk.
    """
    keep_exemplars(model, images_NCHW)
    state = _Fit(model.train(), plan, images_NCHW, z_AD)
    saved = checkpoints.load() if checkpoints else None
    if saved:
        state.restore(saved)
        for step, figures in state.history:
            on_metrics(step, figures)
    begin, started, stopped = state.step, monotonic(), False
    with tqdm(total=plan.steps, initial=begin, desc=description, unit="step", mininterval=0.5) as bar:
        while state.step < plan.steps and not stopped:
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
    )


def _generator(seed: int, step: int) -> torch.Generator:
    state = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
