"""For every numeric parameter: the smallest and largest values that are admitted give a result or a sentence."""

import sys
from collections.abc import Callable
from io import BytesIO
from math import inf, nextafter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from pydantic.fields import FieldInfo

from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.choices.presets import PRESETS, Preset
from lds_mlflow.choices.selections import SELECTIONS
from lds_mlflow.config import (
    AblateConfig,
    AugmentConfig,
    CalibrateConfig,
    ClassifierConfig,
    CompareConfig,
    DataConfig,
    EvaluateConfig,
    FinetuneConfig,
    ImageConfig,
    Options,
    PromoteConfig,
    RegisterConfig,
    SampleConfig,
    ServeConfig,
    Settings,
    TrainConfig,
    parse,
)
from lds_mlflow.domains import domain_of
from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.errors import ConfigError, LdsError
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.metrics import Limits, compare_evaluations, decide
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.division import Division
from lds_mlflow.recipes.fit_requests import batch_size_of, finetuning_as_configured, training_as_configured
from lds_mlflow.steps import augment, calibrate, classifier, data, evaluate, sample
from lds_mlflow.training import FitHooks, fit
from lds_mlflow.values import AugmentationSet, ExampleSet, LatentSet
from tests.conftest import an_evaluation
from tests.tiny import SPEC, random_images

LARGEST = sys.float_info.max
N = 24
NAMES = tuple(map(str, range(N)))
LABELS = torch.arange(N) % 2
EXAMPLES = ExampleSet("noise", random_images(N), NAMES, LABELS, ("a", "b"))
WEIGHTS = VAE.initialised(SPEC, 0).to_weights()
LATENTS = LatentSet(torch.randn(N, 4, generator=torch.Generator().manual_seed(0)), None, NAMES)
JUDGE = domain_of("images").train_classifier(EXAMPLES, steps=1, seed=0, device="cpu")
DIVISION = Division(train=N, select=N, test=N, reserve=0, has_classes=True, domain="images")


class Run:
    """A run that is drawn and forgotten: has the parts of every input, and takes whatever is logged."""

    id, step, link = "0123456789", "train", ""
    metrics = MappingProxyType({"classes": 2.0})

    def load(self, _kind: type, name: str) -> Any:
        return {"latents": LATENTS, "model": WEIGHTS, "classifier": JUDGE}.get(name, EXAMPLES)

    def log_picture(self, picture: Any, _file: str) -> None:
        if isinstance(picture, Figure):
            picture.savefig(BytesIO(), dpi=20)

    def __getattr__(self, name: str) -> Callable[..., str]:
        if not name.startswith("log_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: ""


class Surroundings:
    """What a step is given."""

    run, inputs = Run(), dict.fromkeys(("data", "train", "encode", "model", "classifier"), Run())
    device, ranks, cache_path, checkpoint_path, lineage = "cpu", ALONE, None, Path(), ""

    def __init__(self) -> None:
        self.alarms: list[str] = []

    def say(self, _line: str) -> None:
        pass


AROUND: Any = Surroundings()


def _augment(config: AugmentConfig) -> None:
    augment.check(config, DIVISION, "cpu")
    augment.run(config, AROUND)


def _evaluate(config: EvaluateConfig) -> None:
    evaluate.check(config, DIVISION, "cpu")
    # What compares evaluations draws as many as may be asked for.
    few = {"bootstrap_replicates": 100, "flow_steps": min(config.flow_steps, 2)}
    evaluate.run(config.model_copy(update=few), AROUND)


def _sample(config: SampleConfig) -> None:
    sample.check(config, DIVISION, "cpu")
    # As many as the largest count, or as many steps, would take minutes.
    few = {"count": min(config.count, 300), "flow_steps": min(config.flow_steps, 2)}
    sample.run(config.model_copy(update=few), AROUND)


def _fit(config: TrainConfig | FinetuneConfig) -> None:
    # One batch of the largest size would take seconds.
    batch_size = min(batch_size_of(config, EXAMPLES), 4096)
    config = config.model_copy(update={"batch_size": batch_size})
    if isinstance(config, TrainConfig):
        request = training_as_configured(config, EXAMPLES, checkpoint_every=10**9)
    else:
        made = AugmentationSet(random_images(6), torch.ones(6, 4))
        request = finetuning_as_configured(config, WEIGHTS, EXAMPLES, made, checkpoint_every=10**9)
    enough = iter([batch_size > 1000, *[False] * 10, True])
    fit(request.task, hooks=FitHooks(stop=lambda: next(enough)))


def _classify(config: ClassifierConfig) -> None:
    classifier.run(config.model_copy(update={"classifier_steps": min(config.classifier_steps, 2)}), AROUND)


def _promote(config: PromoteConfig) -> None:
    found = an_evaluation(
        part="select", metrics={"fid": 1.25, "coverage": 0.5, "nearest_ratio": 1.0, "tail_share": 0.0}
    )
    asked = (config.least_nearest_ratio, config.most_tail_share)
    least, most = (None if isinstance(limit, str) else limit for limit in asked)
    limits = Limits(config.coverage_loss, config.share_gap_gain, least, most)
    decide(found, None, figure="fid", limits=limits, replicates=config.bootstrap_replicates)


def _compare(config: CompareConfig | AblateConfig) -> None:
    both = {"old": an_evaluation(), "new": an_evaluation(metrics={"fid": 1.5, "floor_fid": 0.5})}
    compare_evaluations(both, margin=config.margin, replicates=config.bootstrap_replicates)


def _only_parse(_config: Settings) -> None:
    """Seconds, steps between checkpoints and ports, on which no computation depends."""


MIXTURE = {"sampler": "mixture"}
DRIVERS: dict[type[Settings], Callable[[Any], object]] = {
    AugmentConfig: _augment,
    CalibrateConfig: lambda config: calibrate.run(config, AROUND),
    EvaluateConfig: _evaluate,
    SampleConfig: _sample,
    RegisterConfig: lambda config: _sample(SampleConfig(sampler_components=config.sampler_components, **MIXTURE)),
    DataConfig: lambda config: data.run(config, AROUND),
    TrainConfig: _fit,
    FinetuneConfig: _fit,
    ClassifierConfig: _classify,
    PromoteConfig: _promote,
    CompareConfig: _compare,
    AblateConfig: _compare,
    Options: _only_parse,
    ImageConfig: _only_parse,
    ServeConfig: _only_parse,
}
"""What uses the numbers of each configuration."""

USED_WITH: dict[str, list[dict[str, Any]]] = {
    "top_fraction": [
        {},
        {"candidates": "exhaustive"},
        *({"selection": name} for name in ("paper", "random", "power")),
        {"selection": "paper", "combine": "of-passing", "tau": 1e-9},
    ],
    "sharpest_fraction": [{}, {"candidates": "exhaustive"}],
    "tau": [{"selection": "paper"}, {"selection": "threshold"}, {"selection": "paper", "combine": "either"}],
    "mass": [{"selection": name} for name in ("conformal", "highest-density", "typical")],
    "gamma": [{"selection": "power"}],
    "clusters": [{"stratify": "cluster"}],
    "sigma_multiplier": [{}, {"selection": "knee"}, {"source": "noise"}],
    "augmentation_ratio": [{}, {"source": "noise"}, {"source": "mixup"}],
    "sampler_components": [MIXTURE],
    "flow_steps": [{"sampler": "flow"}],
    "polarity": [{"sampler": "polarity"}],
    "pseudo_inputs": [{"prior": "vamp", "finetune_prior": "vamp"}],
    "r1_gamma": [{"adversarial_weight": 1.0}],
    "adversarial_weight": [{"discriminator_augmentation": name} for name in ("diffaugment", "ada")],
    "feature_weight": [{}, {"adversarial_weight": 1.0}],
}
"""With which other parameters a number is used, where it isn't by default."""

ALWAYS: dict[type[Settings], dict[str, Any]] = {
    TrainConfig: {"batch_size": 4},
    FinetuneConfig: {"batch_size": 4},
    CalibrateConfig: {"k_neighbours": 3},
    EvaluateConfig: {"k_neighbours": 3},
    SampleConfig: {"count": 2},
}


_BOUNDS = ("ge", "gt", "le", "lt")


def _numbers(config: type[Settings]) -> dict[str, FieldInfo]:
    return {name: field for name, field in config.model_fields.items() if field.annotation in (int, float)}


def _ends(field: FieldInfo) -> tuple[float, float]:
    """Returns the smallest and the largest value that a parameter admits."""
    bounds = {name: getattr(mark, name) for mark in field.metadata for name in _BOUNDS if hasattr(mark, name)}
    step = nextafter if field.annotation is float else _next_integer
    low = step(bounds["gt"], inf) if "gt" in bounds else bounds.get("ge", -LARGEST)
    high = step(bounds["lt"], -inf) if "lt" in bounds else bounds.get("le", LARGEST)
    return low, high


def _next_integer(x: float, towards: float) -> float:
    return x + (1 if towards > x else -1)


CONFIGS = list(dict.fromkeys(config for point in ENTRY_POINTS.values() for config in point.configs))
CASES = [
    pytest.param(
        config, {name: value, **others}, id=f"{config.__name__}-{name}={value:g}-{'-'.join(map(str, others.values()))}"
    )
    for config in sorted(CONFIGS, key=lambda config: config.__name__)
    for name, field in _numbers(config).items()
    for value in _ends(field)
    for others in USED_WITH.get(name, [{}])
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for number in range(10):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    return tmp_path / "images"


@pytest.fixture(autouse=True)
def _small_and_quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Surroundings, "checkpoint_path", tmp_path / "checkpoint")
    sizes = Preset("tiny", 8, 1, channel_base=64, channel_max=8, latent_dim=4, style_dim=8, mapping_layers=1)
    monkeypatch.setitem(PRESETS, "digits", sizes)
    monkeypatch.setattr(evaluate, "report_of", lambda *args, **kwargs: None)
    for name in ("_log_pictures", "_log_bands"):
        monkeypatch.setattr(augment, name, lambda *args: None)


def _said_of(work: Callable[[], object]) -> str:
    """Returns what an error of the project says, or "" where there is none."""
    try:
        work()
    except LdsError as error:
        return str(error)
    return ""


def test_the_numbers_of_every_configuration_are_used_here() -> None:
    assert {config for config in CONFIGS if _numbers(config)} == set(DRIVERS)


@pytest.mark.parametrize("config", CONFIGS)
def test_whatever_is_counted_has_a_largest_value(config: type[Settings]) -> None:
    for name, field in _numbers(config).items():
        assert field.annotation is float or _ends(field)[1] < 2**32, name


@pytest.mark.parametrize("config", DRIVERS)
def test_an_ordinary_value_gives_a_result(config: type[Settings], folder: Path) -> None:
    others = {"data": str(folder)} if config is DataConfig else {}
    DRIVERS[config](parse(config, ALWAYS.get(config, {}) | others))


@pytest.mark.parametrize(("config", "values"), CASES)
def test_an_extreme_value_gives_a_result_or_a_sentence(config: type[Settings], values: Any, folder: Path) -> None:
    own = {name: value for name, value in values.items() if name in config.model_fields}
    others = {"data": str(folder)} if config is DataConfig else {}
    assert len(_said_of(lambda: DRIVERS[config](parse(config, ALWAYS.get(config, {}) | others | own)))) < 1000


@pytest.mark.parametrize("sigma", ["1e-15", "1e15"])
@pytest.mark.parametrize(
    "others",
    [
        *({"selection": name} for name in SELECTIONS),
        {"candidates": "exhaustive"},
        {"latent_space": "whitened", "leave_endpoints_out": True},
        {"interpolation": "slerp"},
        {"scorer": "subsample"},
        {"source": "noise"},
    ],
)
def test_so_does_an_extreme_bandwidth(sigma: str, others: Any) -> None:
    assert len(_said_of(lambda: _augment(parse(AugmentConfig, {"sigma": sigma, **others})))) < 1000


@pytest.mark.parametrize(("sigma", "candidates"), [("1e-15", "sampled"), ("1e15", "exhaustive")])
def test_pictures_of_extreme_densities_can_be_drawn(
    sigma: str, candidates: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    _augment(parse(AugmentConfig, {"sigma": sigma, "candidates": candidates}))


@pytest.mark.parametrize(
    "others", [{"sampler": "interpolants"}, *({"sampler": "density", "sampler_kernel": kernel} for kernel in KERNELS)]
)
@pytest.mark.parametrize("sigma", ["1e-15", "1e15"])
def test_so_does_an_extreme_bandwidth_of_a_sampler(sigma: str, others: dict[str, str]) -> None:
    values = {"sampler_sigma": sigma, "count": 2, **others}
    assert len(_said_of(lambda: _sample(parse(SampleConfig, values)))) < 1000


@pytest.mark.parametrize("sigma", ["1e-300", "1e300", "1e-16", "1e16", "5e-324", "0", "-1", "nan", "inf"])
@pytest.mark.parametrize(("config", "name"), [(AugmentConfig, "sigma"), (SampleConfig, "sampler_sigma")])
def test_a_bandwidth_beyond_the_range_is_refused_before_anything_is_computed(
    config: type[Settings], name: str, sigma: str
) -> None:
    with pytest.raises(ConfigError, match=r"a number from 1e-15 to 1e\+15"):
        parse(config, {name: sigma})
