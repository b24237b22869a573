import pytest
import torch

from lds_mlflow.errors import ConfigError
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import FitPlan, FitTask, fit
from lds_mlflow.training.plan import Precision
from lds_mlflow.training.room import kept_bytes, require_room
from tests.tiny import SPEC

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def _task(batch_size: int, precision: Precision = "float32") -> FitTask:
    examples_N = torch.zeros(8, SPEC.channels, SPEC.resolution, SPEC.resolution, dtype=torch.uint8)
    plan = FitPlan(
        steps=1, batch_size=batch_size, learning_rate=1e-3, kl_weight=1, ema_images=1, seed=0, precision=precision
    )
    return FitTask(VAE.initialised(SPEC, 0), examples_N, plan)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lds_mlflow.training.room.available_bytes", lambda: 10 * 2**20)


def test_what_a_step_keeps_grows_with_the_batch_and_not_with_the_weights() -> None:
    model = VAE.initialised(SPEC, 0)
    one, two, four = (
        kept_bytes(model, torch.zeros(n, SPEC.channels, SPEC.resolution, SPEC.resolution)) for n in (1, 2, 4)
    )
    assert four - two == pytest.approx(2 * (two - one), rel=0.1)


@pytest.mark.usefixtures("little_memory")
def test_a_batch_without_room_is_refused_before_the_first_step_with_one_that_has() -> None:
    task = _task(16_384)
    before = {name: tensor.clone() for name, tensor in task.model.state_dict().items()}
    with pytest.raises(
        ConfigError, match=r"batch_size: found 16,384 examples.*0\.0 GiB that are free.*Give batch_size=\d"
    ) as caught:
        fit(task)
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.model.state_dict().items())
    fitting = int(caught.value.remedy.split("=")[1].split()[0])
    require_room(_task(fitting), 1)


@pytest.mark.usefixtures("little_memory")
def test_half_the_precision_has_room_for_larger_batches() -> None:
    most = []
    for precision in PRECISIONS:
        with pytest.raises(ConfigError) as caught:
            require_room(_task(16_384, precision), 1)
        most.append(int(caught.value.remedy.split("=")[1].split()[0]))
    assert most[1] > 1.2 * most[0]


@pytest.mark.usefixtures("little_memory")
def test_processes_share_a_batch() -> None:
    task = _task(4096)
    with pytest.raises(ConfigError):
        require_room(task, 1)
    require_room(task, 4096)


def test_a_batch_with_room_is_fitted() -> None:
    assert fit(_task(4)).step == 1
