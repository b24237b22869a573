"""Between logged steps nothing waits for the device, and a compiled step is one program, for every kind of fit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter

from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models import PIXELS, Posterior
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training.objective import DecodedPairs, Objective, StepDraws
from lds_mlflow.training.perceptual import Laplacian
from lds_mlflow.training.plan import FitPlan, draw_batch
from lds_mlflow.training.stepper import Stepper
from tests.tiny import FORM, PLAN, SPEC, random_images
from tests.waiting import WaitError, never_waiting

N_DECODED = 8


@dataclass(frozen=True)
class Variant:
    """A kind of fit: what differs from the plainest."""

    plan: FitPlan = field(default=PLAN)
    prior: str = "gaussian"
    n_decoded: int = 0
    perceptual: Callable[[], nn.Module] | None = None

    def stepper(self, device: str = "cpu", kind: type[VAE] = VAE) -> Stepper:
        model = kind.initialised(SPEC, 0).with_prior(
            self.prior, exemplars=20, pseudo_inputs=PIXELS.to_model(random_images(3))
        )
        return Stepper(
            model.to(device),
            replace(self.plan, compiled="false"),
            FORM._replace(n_decoded=self.n_decoded),
            ranks=ALONE,
            scale=PIXELS,
            perceptual=self.perceptual and self.perceptual(),
        )

    @property
    def latents(self) -> Tensor | None:
        return torch.zeros(self.n_decoded, SPEC.latent_dim) if self.n_decoded else None


ADVERSARY = replace(PLAN, adversarial_weight=0.1)
VARIANTS = {
    "plain": Variant(),
    "adversary": Variant(ADVERSARY),
    "adversary that augments": Variant(replace(ADVERSARY, discriminator_augmentation="diffaugment")),
    "exemplar prior": Variant(prior="exemplar"),
    "vamp prior": Variant(prior="vamp"),
    "free bits": Variant(replace(PLAN, free_bits=0.5)),
    "KL term that rises": Variant(replace(PLAN, kl_warmup=5)),
    "decoded pairs": Variant(n_decoded=N_DECODED),
    "perceptual distance": Variant(perceptual=Laplacian),
    "bfloat16": Variant(replace(PLAN, precision="bfloat16")),
    "everything": Variant(
        replace(
            ADVERSARY,
            feature_weight=0.1,
            discriminator_augmentation="ada",
            free_bits=0.5,
            precision="bfloat16",
            kl_warmup=5,
        ),
        "exemplar",
        N_DECODED,
        perceptual=Laplacian,
    ),
}

variants = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())


class Asking(VAE):
    """Looks at a number in the middle of a step."""

    def forward(self, x: Tensor, noise_BD: Tensor) -> tuple[Tensor, Tensor, Posterior]:
        found = super().forward(x, noise_BD)
        assert found[1].sum().item() < 1e9
        return found


class Masking(VAE):
    """Takes rows by a mask, whose number only the device knows."""

    def forward(self, x: Tensor, noise_BD: Tensor) -> tuple[Tensor, Tensor, Posterior]:
        y, z, posterior = super().forward(x, noise_BD)
        return y + 0 * y[y > 0].sum(), z, posterior


@contextmanager
def _waits_are_errors_of_cuda() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@variants
def test_a_step_asks_the_device_for_nothing(variant: Variant) -> None:
    stepper, images = variant.stepper(), random_images()
    with never_waiting():
        # Of an adversary, the first is regularised and the others are not.
        for step in range(3):
            stepper.advance(step, images, variant.latents)
    assert stepper.skipped == 0
    assert all(torch.tensor(list(stepper.figures().values())).isfinite())


@pytest.mark.parametrize(("kind", "said"), [(Asking, "item"), (Masking, "index")])
def test_a_model_that_asks_in_the_middle_of_a_step_is_seen(kind: type[VAE], said: str) -> None:
    stepper = Variant().stepper(kind=kind)
    with pytest.raises(WaitError, match=said), never_waiting():
        stepper.advance(0, random_images())


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.numpy(),
        bool,
        float,
        int,
        lambda x: x.view(1)[x.view(1) > 0],
        lambda x: x.nonzero(),
        lambda x: torch.equal(x, x),
        lambda x: x.view(1).masked_fill_(x.view(1) > 0, 0)[[x.item() > 0]],
    ],
)
def test_every_way_to_ask_is_seen(ask: Callable[[Tensor], object]) -> None:
    with pytest.raises(WaitError), never_waiting():
        ask(torch.ones(()))


@pytest.mark.parametrize("ask", [Stepper.figures, Stepper.state, lambda stepper: stepper.skipped])
def test_what_waits_is_asked_for_by_name(ask: Callable[[Stepper], object]) -> None:
    stepper = Variant().stepper()
    stepper.advance(0, random_images())
    with pytest.raises(WaitError), never_waiting():
        ask(stepper)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@variants
def test_on_a_gpu_no_step_waits(variant: Variant) -> None:
    stepper, images, latents = variant.stepper("cuda"), random_images().cuda(), variant.latents
    # The first step loads libraries and makes the optimizer's state. Of an adversary, step 16 is regularised.
    for step in range(18):
        with _waits_are_errors_of_cuda() if step else nullcontext():
            stepper.advance(step, images, latents)
    assert stepper.skipped == 0


@pytest.mark.parametrize(
    "name",
    [
        "adversary that augments",
        "exemplar prior",
        "vamp prior",
        "decoded pairs",
        "everything",
    ],
)
def test_a_compiled_step_is_one_program_that_is_made_once(name: str) -> None:
    variant, images = VARIANTS[name], random_images()
    stepper = variant.stepper()
    objective = Objective(
        stepper.model,
        variant.plan,
        scale=PIXELS,
        perceptual=variant.perceptual and variant.perceptual(),
        adversarial=None if stepper.adversary is None else stepper.adversary.terms,
    )
    torch._dynamo.reset()
    counter = CompileCounter()
    compiled = torch.compile(objective, backend=counter, fullgraph=True, dynamic=False)
    for step in range(3):
        batch = draw_batch(variant.plan, step, stepper.form, latent_dim=SPEC.latent_dim, size=1)
        pairs = DecodedPairs(images[batch.decoded], torch.zeros(len(batch.decoded), 4)) if len(batch.decoded) else None
        draws = StepDraws(batch.noise, batch.kernel, batch.chances)
        inputs = images[batch.rows], draws, batch.rows, torch.tensor(variant.plan.kl_weight_at(step)), pairs
        loss, _, _ = compiled(*inputs)
        loss.backward()
    assert counter.frame_count == 1
    torch.testing.assert_close(loss, objective(*inputs)[0])


def test_a_model_that_asks_is_no_one_program() -> None:
    objective = Objective(Variant().stepper(kind=Asking).model, PLAN)
    torch._dynamo.reset()
    batch = draw_batch(PLAN, 0, FORM, latent_dim=SPEC.latent_dim, size=1)
    compiled = torch.compile(objective, backend="eager", fullgraph=True, dynamic=False)
    with pytest.raises(torch._dynamo.exc.TorchDynamoException, match="data-dependent"):
        compiled(random_images()[batch.rows], StepDraws(batch.noise), batch.rows, torch.tensor(1.0), None)
