from pathlib import Path

import torch
from PIL import Image

from lds_mlflow.recipes.showing import log_shown
from lds_mlflow.tracking import Tracker
from tests.vectors import Vectors


def test_a_picture_is_logged_with_the_files_of_what_it_shows(tracker: Tracker, tmp_path: Path) -> None:
    run = tracker.begin("sample", parent=None, values={})
    log_shown(run, Vectors(), "pictures/samples.png", Image.new("L", (8, 8)), {"": torch.eye(2)})
    kept = Path(tracker.client.download_artifacts(run.id, "pictures", str(tmp_path)))
    assert (kept / "samples.png").is_file()
    assert (kept / "samples" / "vectors.txt").read_text() == "1.0,0.0\n0.0,1.0"
