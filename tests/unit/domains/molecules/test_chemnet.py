import pytest
import torch
from torch.utils.data import default_collate

from lds_mlflow.domains.molecules.tokens import stored
from lds_mlflow.values import ExampleSet

chemnet = pytest.importorskip("lds_mlflow.domains.molecules.chemnet", reason="the extra molecules is not installed")
utils = pytest.importorskip("fcd_torch.utils", reason="the extra molecules is not installed")
smiles = pytest.importorskip("lds_mlflow.domains.molecules.smiles", reason="the extra molecules is not installed")


def test_the_network_sees_molecules_as_fcd_torch_shows_them_to_it(few: ExampleSet) -> None:
    extractor, some = chemnet.ChemNetExtractor("cpu"), few.examples_N[:5]
    seen: list[torch.Tensor] = []

    def network(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return torch.zeros(len(x), 512)

    extractor._network = network
    extractor.features(some)
    theirs = default_collate(list(utils.SmilesDataset(smiles.smiles_of(some)))[:5])
    torch.testing.assert_close(seen[0], theirs.transpose(1, 2).float())


def test_activations_are_of_each_molecule_and_of_what_is_none(few: ExampleSet) -> None:
    extractor = chemnet.ChemNetExtractor("cpu")
    assert extractor.name.startswith("chemnet-fcd_torch-")
    together = extractor.features(torch.cat([few.examples_N[:3], torch.zeros_like(few.examples_N[:1])]))
    assert (together.shape, together.dtype) == ((4, 512), torch.float32)
    torch.testing.assert_close(extractor.features(few.examples_N[1:2])[0], together[1], rtol=1e-4, atol=1e-4)
    assert together.isfinite().all()
    assert extractor.features(stored([["C"]])).shape == (1, 512)
