"""Molecules go all the way: read, trained on, finetuned on with A, judged, registered and served."""

from pathlib import Path

import pytest

from lds_mlflow.config import ServeConfig
from lds_mlflow.tracking import Tracker
from lds_mlflow.tracking.server import Service
from lds_mlflow.values import Evaluation, ExampleSet, ModelWeights
from tests.asgi import rows_answered
from tests.conftest import MakePipeline

pytest.importorskip("rdkit", reason="the extra molecules is not installed")

_ALKYLS = ("C", "CC", "CCC", "CC(C)", "CCCC", "CC(C)C", "CCCCC", "C1CCCCC1", "c1ccccc1C")
_GROUPS = ("O", "N", "C(=O)O", "C#N", "Cl", "Br", "S", "C(=O)N", "OC", "C=O", "F", "[N+](=O)[O-]")


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A table of more than a hundred molecules of two classes, and a row that is none."""
    rows = [f"{alkyl}{group},{'yes' if group in 'ON' else 'no'}" for alkyl in _ALKYLS for group in _GROUPS]
    path = tmp_path / "small.csv"
    path.write_text("\n".join(("smiles,hydrophilic", *rows, "nothing,no")) + "\n")
    return str(path)


def test_molecules_are_trained_on_judged_registered_and_served_as_smiles(
    make_pipeline: MakePipeline, tracker: Tracker, table: str
) -> None:
    settings = {"data": table, "select_fraction": 0.3}
    data = make_pipeline("data", **settings).run("data")
    assert "classes (no, yes)" in data.sentence
    assert "1 can't be used (left out)" in data.sentence
    assert data.load(ExampleSet, "train").domain == "molecules"
    registered = make_pipeline("register", **settings, latent_dim=4, registered_model="molecules").run("register")
    model = tracker.open(registered.inputs["model"])
    assert (model.step, model.load(ModelWeights, "model").kind) == ("finetune", "sequence-vae")
    assert "token accuracy" in model.sentence
    evaluated = tracker.open(registered.inputs["density"]).load(Evaluation, "evaluation_select")
    assert evaluated.extractor.startswith("chemnet-")
    assert {"validity", "fcd", "class_share_gap", "floor_snn_train"} <= evaluated.metrics.keys()
    app = Service(ServeConfig(model="models:/molecules@challenger"), print)
    rows = rows_answered(app, {"dataframe_records": [{"seed": 3}, {"seed": 4}], "params": {"format": "smiles"}})
    assert all(isinstance(row["molecule"], str) for row in rows)
    assert rows_answered(app, {"dataframe_records": [{"seed": 4}]})[0]["molecule"] == rows[1]["molecule"]
