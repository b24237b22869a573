"""A classifier of molecules by their fingerprints: one hidden layer, which gives the features."""

from typing import Self

import torch
from torch import Tensor, nn

from lds_mlflow.domains.molecules.fingerprints import N_BITS, fingerprints
from lds_mlflow.domains.molecules.smiles import smiles_of
from lds_mlflow.metrics.features.classifier import fit_classifier, labels_of
from lds_mlflow.values import ExampleSet, ModelWeights

__all__ = ["FingerprintClassifier", "train_fingerprint_classifier"]

_WIDTH = 64


class FingerprintClassifier(nn.Module):
    """Tells the class of stored molecules; see FeatureClassifier.

    Args:
        n_classes: K.
    """

    resize = "none"

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.body = nn.Sequential(nn.Linear(N_BITS, _WIDTH), nn.ReLU())
        self.head = nn.Linear(_WIDTH, n_classes)

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        """Returns the classifier whose stored weights are given."""
        model = cls(int(weights.spec["n_classes"]))
        model.load_state_dict(weights.state)
        return model.eval()

    def to_weights(self) -> ModelWeights:
        """Returns a copy of its weights, on the CPU."""
        state = {name: tensor.detach().cpu().clone() for name, tensor in self.state_dict().items()}
        return ModelWeights({"n_classes": self.n_classes}, state, kind="fingerprint-classifier")

    @property
    def name(self) -> str:
        """The kind of classifier and a digest of its weights."""
        return f"fingerprint-classifier-{self.to_weights().digest[:8]}"

    def forward(self, bits_NF: Tensor) -> Tensor:
        """Maps fingerprints, [N, 2048], to logits, [N, K]."""
        logits: Tensor = self.head(self.body(bits_NF))
        return logits

    @torch.inference_mode()
    def features(self, examples_N: Tensor, /) -> Tensor:
        """Maps stored molecules, [N, L], to the hidden layer, float32 [N, 64]."""
        features: Tensor = self.body(fingerprints(smiles_of(examples_N)).to(self.head.weight.device))
        return features.cpu()

    def classes(self, examples_N: Tensor, /) -> Tensor:
        """Returns the class of every stored molecule, int64 [N]."""
        with torch.inference_mode():
            logits: Tensor = self.head(self.features(examples_N).to(self.head.weight.device))
        return logits.argmax(1).cpu()


def train_fingerprint_classifier(train: ExampleSet, *, steps: int, seed: int, device: str) -> ModelWeights:
    """Trains a classifier on labelled molecules.

    Args:
        train: Training molecules.
        steps: Optimizer steps of 64 molecules.
        seed: Determines weights and batches.
        device: Where to train.

    Raises:
        DataError: The molecules have no labels.
    """
    labels = labels_of(
        train, "Name the column of the class by label, or give features=chemnet and classifier_run=none."
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = FingerprintClassifier(len(train.class_names_K)).to(device)
    bits_NF = fingerprints(smiles_of(train.examples_N))
    fit_classifier(model, lambda rows: bits_NF[rows].to(device), labels, steps=steps, seed=seed)
    return model.to_weights()
