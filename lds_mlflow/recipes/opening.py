"""Opens a model of the user's own, and finds out whether it does what the method asks of one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic

import pandas as pd
import torch
from torch import Tensor

from lds_mlflow.domains import domain_of
from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.machine.files import digest_of_bytes, digest_of_file
from lds_mlflow.models import Codec
from lds_mlflow.models.own import ExportedPair, RowsProgram, pickles_beside, read_generator
from lds_mlflow.tracking.places import local_places
from lds_mlflow.values import ExampleSet, ModelWeights

__all__ = ["Opened", "digest_of_model", "open_own"]

_MEASURED, _ROWS = 128, 8
_TOLERANCE = 1e-3
"""How far two values of one example may be apart, as a share of the range: batches of real models differ by 7e-6."""

_SPAN = 255.0
"""Examples of every kind that such a model takes are stored as pictures, uint8."""

_LEAST_EXPLAINED = 0.5
_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))
_COLOURS = 3


@dataclass(frozen=True, slots=True)
class Opened:
    """A model of the user's own, and what was found of it.

    Attributes:
        weights: The model, to be stored.
        codec: The model, ready to encode and decode examples as they are stored.
        findings: What was found, a row for each question.
        figures: The numbers among it, by name.
        alarms: What makes results with it worth little, in sentences.
        sentence: What it is, in a sentence.
    """

    weights: ModelWeights
    codec: Codec
    findings: pd.DataFrame
    figures: dict[str, float]
    alarms: list[str]
    sentence: str

    def table(self) -> str:
        """Returns the findings as lines for a console."""
        rows = self.findings.itertuples(index=False)
        return "\n".join(f"{'' if n else 'open':<11}{row.question:<22}{row.found}" for n, row in enumerate(rows))


def digest_of_model(given: str) -> str:
    """Returns the digest of the files that the parameter `model` names; a missing one is an error of `open_own`.

    Raises:
        ConfigError: Nothing is named, or there is nothing at an address.
    """
    with local_places(given) as places:
        files = [(place, path) for place in places if place.is_dir() for path in sorted(place.rglob("*"))]
        return digest_of_bytes(
            *(f"{path.relative_to(place)} {digest_of_file(path)}".encode() for place, path in files if path.is_file())
        )


def open_own(given: str, select: ExampleSet, device: str) -> Opened:
    """Opens the model that the parameter `model` names, and examines it.

    Args:
        given: The parameter.
        select: Examples that it may be judged by.
        device: Where to compute.

    Raises:
        ConfigError: Nothing is named, nothing is there, or it is for examples of another shape.
        ArtifactError: It can't be opened, fails, or gives values that are not finite.
    """
    shape = tuple(select.examples_N.shape[1:])
    with local_places(given) as places:
        weights = read_generator(places, shape)
        pickles = pickles_beside(places)
    pair = ExportedPair(weights, device)
    if pair.facts.example_shape != shape:
        raise ConfigError(
            f"model={given}",
            found=f"a model of examples {list(pair.facts.example_shape)}, and data of the shape {list(shape)}",
            expected="data of the shape that the model takes",
            remedy="Give resolution and channels so that the data has this shape, or export the model for the data's.",
        )
    codec = Codec(pair, domain_of(select.domain).scale)
    return _examined(pair, codec, select.spread(_MEASURED).examples_N, pickles)


def _examined(pair: ExportedPair, codec: Codec, examples_N: Tensor, pickles: list[str]) -> Opened:
    started = monotonic()
    mean_ND = codec.encode(examples_N).mean
    encoded = monotonic()
    _require_finite(mean_ND, "the encoder", "latents")
    reconstructed_N = codec.decode(mean_ND)
    decoded = monotonic()
    noise, influence = _repeated(pair, codec, examples_N[:_ROWS])
    error = _error(examples_N, reconstructed_N)
    spread = _error(examples_N, examples_N.float().mean(0))
    figures = {
        "select_reconstruction_mse": error,
        "explained": 1 - error / spread if spread else 0.0,
        "change_by_repetition": noise,
        "change_by_batch": influence,
        "encoded_per_second": len(examples_N) / (encoded - started),
        "decoded_per_second": len(examples_N) / (decoded - encoded),
    }
    alarms = _alarms(pair, codec, examples_N, figures)
    rows = [*_findings(pair, codec, figures, examples_N), *_unread(pickles)]
    findings = pd.DataFrame(rows, columns=["question", "found"])
    called = f"{pair.facts.name or 'a model'}{_licensed(pair)} of {_in_words(pair.facts.example_shape)}"
    size = f"{pair.n_parameters / 1e6:.2f} M parameters, latents {_in_words(pair.latent_shape)}"
    said = f"on the select part reconstruction MSE {error:.4f}, {figures['explained']:.0%} of the variance"
    sentence = f"{called}, {size}; {said}"
    return Opened(pair.weights, codec, findings, figures, alarms, sentence)


@torch.inference_mode()
def _repeated(pair: ExportedPair, codec: Codec, examples_B: Tensor) -> tuple[float, float]:
    """Returns how far decoded examples are apart when computed twice, and alone instead of in a batch, as a share."""
    x = codec.scale.to_model(examples_B.to(pair.device))

    def decoded(some: Tensor) -> Tensor:
        return pair.decode(pair.encode(some).mean)

    whole, again = decoded(x), decoded(x)
    _require_finite(whole, "the decoder", "examples")
    alone = torch.cat([decoded(one) for one in x.split(1)])
    return (whole - again).abs().max().item() / 2, (whole - alone).abs().max().item() / 2


def _error(examples_N: Tensor, others_N: Tensor) -> float:
    """Returns the mean squared difference of examples, in units of the squared range."""
    return float(((examples_N.float() - others_N.float()) / _SPAN).square().mean())


def _alarms(pair: ExportedPair, codec: Codec, examples_N: Tensor, figures: Mapping[str, float]) -> list[str]:
    found = []
    if figures["explained"] < _LEAST_EXPLAINED:
        share = f"The model's reconstructions have {max(figures['explained'], 0):.0%} of the variance of the images"
        found.append(f"{share}, so its samples can't be like them. {_likely_cause(pair, codec, examples_N, figures)}")
    if figures["change_by_repetition"] > _TOLERANCE:
        found.append(
            f"The model is not deterministic: one image changes by {figures['change_by_repetition']:.2g} of the range "
            "when it is computed again, so neither a latent nor a seed stands for one image."
        )
    elif figures["change_by_batch"] > _TOLERANCE:
        found.append(
            f"The rows of a batch influence each other: one image changes by {figures['change_by_batch']:.2g} of the "
            "range when it is computed alone. Call eval() on the network before you export it."
        )
    return found


def _likely_cause(pair: ExportedPair, codec: Codec, examples_N: Tensor, figures: Mapping[str, float]) -> str:
    """Returns what another range of values or order of the channels would change, in a sentence."""
    before = figures["select_reconstruction_mse"]
    tried = [
        (
            _error_as(pair.with_facts(replace(pair.facts, value_range=bounds)), codec, examples_N, flipped),
            bounds,
            flipped,
        )
        for bounds in _RANGES
        for flipped in ((False, True) if examples_N.shape[1] == _COLOURS else (False,))
    ]
    error, bounds, flipped = min(tried)
    if error > before / 2:
        return "The encoder and the decoder may be of different models, or hardly trained."
    causes = [f"value_range should be {list(bounds)}"] if bounds != pair.facts.value_range else []
    causes += ["the channels are in the order blue, green, red"] if flipped else []
    return f"The likely cause: {' and '.join(causes)}, by which the error is {error:.2g} instead of {before:.2g}."


def _error_as(pair: ExportedPair, codec: Codec, examples_N: Tensor, flipped: bool) -> float:
    other = Codec(pair, codec.scale)
    given_N = examples_N.flip(1) if flipped else examples_N
    return _error(given_N, other.decode(other.encode(given_N).mean))


def _unread(pickles: list[str]) -> list[tuple[str, str]]:
    return [("not read", f"{', '.join(pickles)}: a pickle, which can run any code when it is read")] if pickles else []


def _findings(
    pair: ExportedPair, codec: Codec, figures: Mapping[str, float], examples_N: Tensor
) -> list[tuple[str, str]]:
    grey_N = torch.full_like(examples_N[:1], round(_SPAN / 2))
    grey = codec.decode(codec.encode(grey_N).mean).float().mean().item() / _SPAN
    return [
        ("model", f"{pair.facts.name or 'without a name'}, licence {pair.facts.licence or 'not said'}"),
        ("examples", f"{_in_words(pair.facts.example_shape)}, values {_bounds(pair)}"),
        ("latents", _latents_in_words(pair.latent_shape, codec.latent_dim)),
        *_noise(pair),
        ("parameters", f"{pair.n_parameters:,}"),
        ("rows at once", f"encoder {_rows(pair.encoder)}, decoder {_rows(pair.decoder)}"),
        (
            "reconstruction",
            f"MSE {figures['select_reconstruction_mse']:.4f}, {figures['explained']:.0%} of the variance",
        ),
        ("grey", f"0.50 becomes {grey:.2f}"),
        ("computed again", f"differs by {figures['change_by_repetition']:.1g} of the range"),
        ("alone", f"differs by {figures['change_by_batch']:.1g} of the range"),
        ("speed", f"{figures['encoded_per_second']:.0f} encoded, {figures['decoded_per_second']:.0f} decoded a second"),
    ]


def _noise(pair: ExportedPair) -> list[tuple[str, str]]:
    facts = pair.facts
    if not facts.noise_shape:
        return []
    return [("noise", f"{_in_words(facts.noise_shape)}, by the latent and the seed {facts.noise_seed}")]


def _licensed(pair: ExportedPair) -> str:
    return f" (licence {pair.facts.licence})" if pair.facts.licence else ""


def _latents_in_words(shape: tuple[int, ...], n: int) -> str:
    if len(shape) == 1:
        return f"{n:,} numbers"
    return f"{_in_words(shape)}, which are {n:,} numbers: score them with latent_space=pca"


def _rows(program: RowsProgram) -> str:
    if program.is_fixed:
        return f"exactly {program.most}"
    return "any number" if program.most is None else f"at most {program.most}"


def _bounds(pair: ExportedPair) -> str:
    low, high = pair.facts.value_range
    return f"{low:g} to {high:g}"


def _in_words(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _require_finite(found: Tensor, what: str, of: str) -> None:
    if not found.isfinite().all():
        raise ArtifactError(
            what,
            found=f"{of} that are not finite, such as NaN, for images of the part select",
            expected="finite numbers",
            remedy="Export the network in float32, and check its weights.",
        )
