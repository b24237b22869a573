"""Molecules as a kind of examples; what needs chemistry is imported when it is used."""

import base64
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lds_mlflow.choices import load
from lds_mlflow.choices.data_sources import DATA_SOURCES, MOLECULES, data_source_of
from lds_mlflow.data import NearDuplicates, Reading
from lds_mlflow.data.outside import digest_of_listing
from lds_mlflow.domains.domain import Gallery, Quality
from lds_mlflow.domains.images import GALLERY_PAGE, png_of
from lds_mlflow.domains.molecules.tokens import TOKENS, selfies_of
from lds_mlflow.machine.packages import require_packages
from lds_mlflow.metrics import FeatureClassifier
from lds_mlflow.models import Scale
from lds_mlflow.pictures import image_grid, paired_grid, score_bands
from lds_mlflow.values import ExampleSet, ModelWeights, Splits

__all__ = ["Molecules"]


def _chemistry(place: str) -> Any:
    """Returns what is at a place, MODULE:NAME, of the modules that need the packages of chemistry."""
    require_packages("molecules", Molecules.packages)
    return load(place)


def _smiles_of(example: Tensor) -> str:
    smiles: list[str] = _chemistry("lds_mlflow.domains.molecules.smiles:smiles_of")(example[None])
    return smiles[0]


def _selfies_of(example: Tensor) -> str:
    return selfies_of(example[None])[0]


def _drawn(examples_N: Tensor) -> Tensor:
    pictures: Tensor = _chemistry("lds_mlflow.domains.molecules.drawing:drawn")(examples_N)
    return pictures


def _png_of(example: Tensor) -> str:
    return base64.b64encode(png_of(_drawn(example[None])[0])).decode("ascii")


def _qed_of(examples_N: Tensor) -> Tensor:
    qed: Tensor = _chemistry("lds_mlflow.domains.molecules.properties:qed_of")(examples_N)
    return qed


class Molecules:
    """Molecules; see Domain. They are stored as `lds_mlflow.domains.molecules.tokens` says."""

    name = "molecules"
    scale: Scale = TOKENS
    suffix = ".smi"
    column = "molecule"
    packages: Mapping[str, str] = {"rdkit": "rdkit", "selfies": "selfies", "fcd_torch": "fcd_torch"}
    formats: Mapping[str, Callable[[Tensor], Any]] = {"smiles": _smiles_of, "selfies": _selfies_of, "png": _png_of}
    gallery: Gallery | None = Gallery(GALLERY_PAGE, "molecule", besides={"smiles": "text/plain"})
    qualities: Mapping[str, Quality] = {"qed": Quality("drug-likeness (QED)", _qed_of)}

    def takes(self, source: str) -> bool:
        """Returns whether `data` names the source of molecules, or a file with one of its endings."""
        return data_source_of(source)[0] is DATA_SOURCES[MOLECULES]

    def describe_source(self, source: str) -> str:
        """See Domain."""
        _, place = data_source_of(source)
        if place:
            return digest_of_listing(place)
        return f"rdkit {version('rdkit')}"

    def load(self, source: str, reading: Reading) -> ExampleSet:
        """See Domain; a molecule is the largest part of what its SMILES names."""
        _, place = data_source_of(source)
        load_molecules = _chemistry("lds_mlflow.domains.molecules.reading:load_molecules")
        found: ExampleSet = load_molecules(Path(place) if place else None, reading)
        return found

    def describe(self, examples: ExampleSet) -> str:
        """Returns for example "4,863 molecules of at most 120 tokens"."""
        return f"{len(examples):,} molecules of at most {examples.examples_N.shape[1]} tokens"

    def near_duplicates(self, splits: Splits) -> NearDuplicates:
        """See Domain; by their fingerprints."""
        found: NearDuplicates = _chemistry("lds_mlflow.domains.molecules.neighbours:near_duplicates_of_molecules")(
            splits
        )
        return found

    def grid(self, examples_N: Tensor) -> Image.Image:
        """See Domain; molecules are drawn as structures."""
        return image_grid(_drawn(examples_N))

    def pairs(self, above_N: Tensor, below_N: Tensor) -> Image.Image:
        """See Domain."""
        return paired_grid(_drawn(above_N), _drawn(below_N))

    def bands(self, examples_N: Tensor, log_lds_N: Tensor, *, bands: int, per_band: int) -> Figure:
        """See Domain."""
        return score_bands(_drawn(examples_N), log_lds_N, bands=bands, per_band=per_band)

    def file_content(self, example: Tensor) -> bytes:
        """Returns a molecule as a line of SMILES."""
        return f"{_smiles_of(example)}\n".encode()

    def files(self, examples_N: Tensor, /) -> Mapping[str, bytes]:
        """Returns the SMILES of molecules as one file."""
        return {"molecules.smi": b"".join(map(self.file_content, examples_N))}

    def train_classifier(self, train: ExampleSet, *, steps: int, seed: int, device: str) -> ModelWeights:
        """See Domain; a network of one hidden layer sees fingerprints."""
        weights: ModelWeights = _chemistry("lds_mlflow.domains.molecules.classifier:train_fingerprint_classifier")(
            train, steps=steps, seed=seed, device=device
        )
        return weights

    def open_classifier(self, weights: ModelWeights, device: str) -> FeatureClassifier:
        """See Domain."""
        kind = _chemistry("lds_mlflow.domains.molecules.classifier:FingerprintClassifier")
        opened: FeatureClassifier = kind.from_weights(weights).to(device)
        return opened
