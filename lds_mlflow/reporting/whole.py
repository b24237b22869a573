"""What a person reads of the whole pipeline: who won, what it looks like, how it was trained, and what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from PIL import Image

from lds_mlflow.choices.figures import FIGURES, SUMMARY
from lds_mlflow.errors import GoneError
from lds_mlflow.pictures import REAL_EXAMPLES
from lds_mlflow.pictures.report import BoldText, LinkText, Report
from lds_mlflow.reporting.comparison import lowest_fid, models_chart
from lds_mlflow.tracking import FinishedRun, tags
from lds_mlflow.values import Evaluation

__all__ = ["WholePipeline", "report_of_pipeline"]

_PICTURES = "pictures"
_INTERVALS = (
    "The low and high ends of 95 % intervals are in brackets. A verdict speaks of differences, whose intervals the "
    "report of the comparison has."
)


@dataclass(frozen=True, slots=True)
class WholePipeline:
    """What the whole pipeline has made.

    Attributes:
        data: What the data is called.
        sentence: What the comparison found.
        evaluated: The runs that evaluated the models, by the models' names.
        evaluations: What they found, by the same names.
        models: The runs of these models, by the same names.
        upstream: All runs that these were made from, each once, with the comparison.
        ui: The address of MLflow's UI.
        registered: What became of the registered model, in a sentence; "" where none was registered.
        pages: Further pages of the UI, by what they are called.
    """

    data: str
    sentence: str
    evaluated: Mapping[str, FinishedRun]
    evaluations: Mapping[str, Evaluation]
    models: Mapping[str, FinishedRun]
    upstream: Sequence[FinishedRun]
    ui: str
    registered: str = ""
    pages: Mapping[str, str] = field(default_factory=dict)

    @property
    def alarms(self) -> list[str]:
        """What makes the result worth little, in sentences, each once."""
        return list(dict.fromkeys(text for run in self.upstream for text in run.alarms))


def report_of_pipeline(made: WholePipeline) -> Report:
    """Returns the report of the whole pipeline."""
    report = Report(f"Latent augmentation of {made.data}")
    for line in made.sentence.splitlines():
        report.paragraph(BoldText(f"{line.removesuffix('.')}."))
    for text in made.alarms:
        report.paragraph(BoldText("Alarm: "), text)
    if made.registered:
        report.paragraph(f"{made.registered.removesuffix('.')}.")
    for name, page in made.pages.items():
        report.paragraph(LinkText(name, f"{made.ui}/{page}"))
    report.table(_figures(made.evaluations), _INTERVALS)
    report.picture(f"{_PICTURES}/comparison.png", models_chart(made.evaluations), "The models side by side.")
    _add_samples(report, made)
    report.heading("Training")
    by_id = {model.id: (label, model) for label, model in made.models.items()}
    curves = [(label, model, "curves.png", f"{model.name}: {model.sentence}.") for label, model in by_id.values()]
    _add_pictures(report, curves)
    _add_data(report, made)
    report.heading("Runs and costs")
    report.table(_costs(made.upstream), "What each run took when it was made; a later command reuses it.")
    links = [LinkText(run.name or run.step, f"{made.ui}/{run.page}") for run in made.upstream]
    spans = [span for link in links for span in (" · ", link)]
    report.paragraph("In MLflow's UI: ", *spans[1:])
    return report


def _figures(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    best, first = lowest_fid(evaluations), next(iter(evaluations.values()))
    rows = [
        [f"{label} (lowest FID)" if label == best else label, *(_with_interval(found, name) for name in SUMMARY)]
        for label, found in evaluations.items()
    ]
    floors = [first.metrics.get(f"floor_{name}") for name in SUMMARY]
    rows.append([REAL_EXAMPLES, *("" if floor is None else f"{floor:.3g}" for floor in floors)])
    return pd.DataFrame(rows, columns=["model", *(FIGURES[name].title for name in SUMMARY)])


def _with_interval(evaluation: Evaluation, name: str) -> str:
    ends = evaluation.intervals.get(name)
    return f"{evaluation.metrics[name]:.3g}" + ("" if ends is None else f" ({ends[0]:.3g} to {ends[1]:.3g})")


def _add_samples(report: Report, made: WholePipeline) -> None:
    report.heading("Samples")
    part = next(iter(made.evaluations.values())).part
    real = next(iter(made.evaluated.values()))
    shown = [(REAL_EXAMPLES, real, f"real_{part}.png", f"{REAL_EXAMPLES} of the part {part}")]
    shown += [
        (label, run, "samples.png", f"{label}: FID {made.evaluations[label].metrics['fid']:.3g}")
        for label, run in made.evaluated.items()
    ]
    _add_pictures(report, shown)


def _add_data(report: Report, made: WholePipeline) -> None:
    data = next((run for run in made.upstream if run.step == "data"), None)
    if data is None:
        return
    report.heading("Data")
    for line in data.sentence.splitlines():
        report.paragraph(f"{line.removesuffix('.')}.")
    _add_pictures(report, [("training", data, "real.png", "Training examples.")])


def _add_pictures(report: Report, wanted: Sequence[tuple[str, FinishedRun, str, str]]) -> None:
    """Adds pictures of runs side by side, those that are there: by a label, the run, the file and a caption."""
    found = [(label, _picture_of(run, file), file, caption) for label, run, file, caption in wanted]
    report.row(
        [
            (f"{_PICTURES}/{Path(file).stem}_{label.replace(' ', '_')}.png", picture, caption)
            for label, picture, file, caption in found
            if picture is not None
        ]
    )


def _picture_of(run: FinishedRun, file: str) -> Image.Image | None:
    try:
        with run.folder(_PICTURES) as folder:
            path = folder / file
            if not path.is_file():
                return None
            with Image.open(path) as picture:
                return picture.copy()
    except GoneError:
        return None


def _costs(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    rows = [(run.name or run.step, run.id[:8], _seconds(run), run.sentence.partition("\n")[0]) for run in runs]
    return pd.DataFrame(rows, columns=["run", "id", "seconds", "what it made"])


def _seconds(run: FinishedRun) -> str:
    seconds = run.metrics.get(tags.COST)
    return "" if seconds is None else f"{seconds:,.0f}"
