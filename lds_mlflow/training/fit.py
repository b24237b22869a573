"""One loop for training and finetuning: seeded step by step, resumable, stoppable, by one process or several.

Step t draws its batch and its noise from a generator that is seeded with (seed, t), so a fit that resumes at t
continues exactly as an uninterrupted one. Several processes share the same batch: their number changes
only how sums are rounded.
"""

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

import torch
from torch import Tensor, nn
from tqdm import tqdm

from lds_mlflow.errors import ConfigError, TrainingError
from lds_mlflow.machine.determinism import deterministic
from lds_mlflow.machine.durations import in_words
from lds_mlflow.machine.memory import keep_freed_memory
from lds_mlflow.machine.progress import progress_bar
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models import Codec, Scale, Trainable, open_model, trainable
from lds_mlflow.training.checkpoint import Checkpoint, CheckpointFile, History
from lds_mlflow.training.ending import Ending, ending_of
from lds_mlflow.training.plan import ExampleForm, FitPlan
from lds_mlflow.training.room import require_room
from lds_mlflow.training.stepper import Stepper
from lds_mlflow.training.task import FitHooks, FitTask
from lds_mlflow.training.watch import Watch
from lds_mlflow.values import ModelWeights

__all__ = ["FitResult", "fit"]

_PACED = 3.0
"""Seconds after which the speed of a fit is known well enough to say how long it may take."""

WITHOUT_HOOKS = FitHooks()
"""Nothing watches the fit."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """The result of a fit.

    Attributes:
        model: The moving average of the weights, in evaluation mode.
        step: Steps done: fewer than planned where the fit was stopped.
        ending: Where it ended, or was to end.
        skipped: Steps that were skipped as not finite.
        discriminator: The state of the discriminator, on the CPU; None where there is none.
        examples_per_second: Over this process's own steps.
        resumed_from: The tracked run whose checkpoint was gone on from, or "".
    """

    model: Trainable
    step: int
    ending: Ending
    skipped: int
    discriminator: dict[str, Tensor] | None
    examples_per_second: float
    resumed_from: str = ""


@dataclass(frozen=True, slots=True)
class _JoinRequest:
    """What a process that joins a fit has to know.

    Attributes:
        weights: The network.
        frozen: Names of its parameters that stay as they are.
        stepper: State of the stepper, by torch.save.
        step: Steps done before.
        form: What the examples look like.
        plan: How to fit.
        scale: How stored examples become what the model sees.
        perceptual: The distance that is part of the loss, or None.
    """

    weights: ModelWeights
    frozen: frozenset[str]
    stepper: bytes
    step: int
    form: ExampleForm
    plan: FitPlan
    scale: Scale
    perceptual: nn.Module | None


class _Fit:
    """A fit, as the process that leads it sees it."""

    def __init__(self, task: FitTask, ranks: Ranks) -> None:
        self.task, self.model = task, task.model
        self.plan = replace(task.plan, check_every=0) if task.held_out_N is None else task.plan
        self.at_hand = at_hand(task.examples_N, task.model.device)
        self.model.renew_prior(self._first_means(self.model))
        self._averaged = copy.deepcopy(self.model).eval()
        self.stepper = Stepper(
            task.model, task.plan, task.form, ranks=ranks, scale=task.scale, perceptual=task.perceptual
        )
        if task.discriminator is not None:
            self.stepper.begin_discriminator_at(task.discriminator)
        self.watch = Watch(task, task.held_out_N) if task.held_out_N is not None and self.plan.check_every else None
        self.step = 0
        self.history: History = []
        self.ending = ending_of(self.plan, self.history)

    def averaged(self) -> Trainable:
        model = self._averaged
        self.stepper.average.copy_to(model)
        model.renew_prior(self._first_means(model))
        return model

    def _first_means(self, model: Trainable) -> Callable[[int], Tensor]:
        codec = Codec(model, self.task.scale)
        return lambda n: codec.encode(self.task.examples_N[:n]).mean

    def restore(self, checkpoint: Checkpoint) -> None:
        self.model.load_state_dict(checkpoint.model)
        self.stepper.restore(checkpoint.stepper)
        self.step, self.history = checkpoint.step, checkpoint.history
        self.ending = ending_of(self.plan, self.history)

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            step=self.step,
            model=self.model.state_dict(),
            stepper=self.stepper.state(),
            history=self.history,
        )

    def advance(self) -> None:
        self.stepper.advance(self.step, self.at_hand, self.task.z_AD, rate=self.ending.rate_at(self.step))
        self.step += 1

    def figures(self) -> dict[str, float]:
        """Returns the figures of the last step, unless too many steps so far were skipped."""
        self.require_progress()
        figures = self.stepper.figures()
        self.history.append((self.step, figures))
        return figures

    def check(self, watch: Watch) -> dict[str, float]:
        """Returns figures of held-out examples, which may show that training is done."""
        figures = watch.figures(self.averaged())
        self.history.append((self.step, figures))
        self.ending = ending_of(self.plan, self.history)
        return figures

    def require_progress(self) -> None:
        skipped = self.stepper.skipped
        if skipped > self.plan.max_skipped:
            raise TrainingError(
                f"step {self.step:,} of training",
                found=f"a loss or gradient that is not finite, in {skipped} steps so far",
                expected=f"at most {self.plan.max_skipped} such steps",
                remedy="Lower the learning rate.",
            )


def fit(
    task: FitTask,
    *,
    ranks: Ranks = ALONE,
    checkpoints: CheckpointFile | None = None,
    hooks: FitHooks = WITHOUT_HOOKS,
) -> FitResult:
    """Fits a model to examples by the evidence lower bound with an optimal-variance Gaussian likelihood.

    Parameters that don't require a gradient stay as they are.

    Args:
        task: What to fit, on what, and how.
        ranks: The processes that share the work; this one leads, the others are in `follow`.
        checkpoints: Where to keep the state; a fit that finds a checkpoint there continues from it.
        hooks: What watches the fit.

    Raises:
        TrainingError: Too many steps were not finite.
        ConfigError: The batch can't be divided evenly among the processes, or doesn't fit into memory.
        ArtifactError: The checkpoint found can't be used.
        DiskFullError: A checkpoint doesn't fit on the disk.
    """
    plan = task.plan
    if plan.batch_size % ranks.size:
        raise ConfigError(
            "batch_size",
            found=f"{plan.batch_size} examples for {ranks.size} processes",
            expected="equally many for each process",
            remedy=f"Give a multiple of {ranks.size}.",
        )
    require_room(task, ranks.size)
    keep_freed_memory()
    with deterministic(plan.deterministic):
        state = _Fit(task, ranks)
        resumed_from = _resume(state, checkpoints, hooks)
        if ranks.size > 1:
            ranks.order(_follow, _join_request(state))
        begin, started = state.step, monotonic()
        _take_steps(state, ranks, checkpoints, hooks)
        seconds = max(monotonic() - started, 1e-9)
        return FitResult(
            model=state.averaged(),
            step=state.step,
            ending=state.ending,
            skipped=state.stepper.skipped,
            discriminator=state.stepper.discriminator(),
            examples_per_second=(state.step - begin) * plan.batch_size / seconds,
            resumed_from=resumed_from,
        )


def _resume(state: _Fit, checkpoints: CheckpointFile | None, hooks: FitHooks) -> str:
    """Continues from a checkpoint, if there is one, and returns the run that wrote it, or ""."""
    saved = checkpoints.load() if checkpoints else None
    if saved is None:
        return ""
    state.restore(saved)
    for step, figures in state.history:
        hooks.on_metrics(step, figures)
    return saved.run_id


def _take_steps(state: _Fit, ranks: Ranks, checkpoints: CheckpointFile | None, hooks: FitHooks) -> None:
    """Takes the steps that are left, until somebody asks to stop. Only what is logged or saved waits for the device."""
    plan, stopped = state.plan, False
    begin, started, is_announced = state.step, monotonic(), not plan.until_done
    with progress_bar(state.ending.end, hooks.description, unit="step", done=state.step) as bar:
        while ranks.agreed(0.0 if stopped else state.ending.rate_at(state.step)):
            state.advance()
            bar.update()
            if not is_announced and monotonic() - started > _PACED:
                is_announced = True
                tqdm.write(_budget(plan, hooks.description, (monotonic() - started) / (state.step - begin)))
            if state.watch is not None and state.step % plan.check_every == 0:
                hooks.on_metrics(state.step, state.check(state.watch))
                bar.total = state.ending.end
            if state.step % plan.log_every == 0 or state.step == state.ending.end:
                figures = state.figures()
                hooks.on_metrics(state.step, figures)
                bar.set_postfix(loss=f"{figures['loss']:.1f}", kl=f"{figures['kl']:.1f}", refresh=False)
            stopped = hooks.stop()
            if checkpoints and (stopped or state.step % plan.checkpoint_every == 0):
                state.require_progress()
                checkpoints.save(state.checkpoint())
            if state.step % plan.checkpoint_every == 0:
                hooks.on_checkpoint(state.step, state.averaged())
    state.require_progress()


def _budget(plan: FitPlan, description: str, seconds: float) -> str:
    """Returns how long a fit that ends by itself may take, by the seconds of one of its steps."""
    later = " (steps with the discriminator take longer)" if plan.has_adversary else ""
    pace = f"about {in_words(plan.steps * seconds)} at the speed so far{later}"
    return (
        f"{description}: at most {plan.steps:,} steps of {plan.batch_size:,} examples, {pace}; it ends earlier when "
        "held-out examples show that more steps gain nothing"
    )


def at_hand(examples_N: Tensor, device: torch.device) -> Tensor:
    """Returns the examples where steps take batches from: in a GPU's memory if they fit into half of what is free."""
    if device.type != "cuda" or examples_N.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return examples_N
    return examples_N.to(device)


def _follow(ranks: Ranks, request: _JoinRequest) -> None:
    """Takes this process's share of every step of a fit that another process leads, until that process ends the fit.

    Args:
        ranks: The processes.
        request: The leader's description of the fit.
    """
    model = trainable(open_model(request.weights)).to(ranks.device)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in request.frozen)
    with deterministic(request.plan.deterministic):
        stepper = Stepper(
            model, request.plan, request.form, ranks=ranks, scale=request.scale, perceptual=request.perceptual
        )
        stepper.restore(torch.load(io.BytesIO(request.stepper), map_location="cpu", weights_only=True))
        step = request.step
        while rate := ranks.agreed(0.0):
            stepper.advance(step, rate=rate)
            step += 1


def _join_request(fit: _Fit) -> _JoinRequest:
    content = io.BytesIO()
    torch.save(fit.stepper.state(), content)
    task = fit.task
    return _JoinRequest(
        weights=fit.model.to_weights(),
        frozen=frozenset(name for name, parameter in fit.model.named_parameters() if not parameter.requires_grad),
        stepper=content.getvalue(),
        step=fit.step,
        form=task.form,
        plan=task.plan,
        scale=task.scale,
        perceptual=None if task.perceptual is None else copy.deepcopy(task.perceptual).cpu(),
    )
