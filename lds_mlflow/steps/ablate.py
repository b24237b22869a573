"""Step `ablate`: the tables, figures and claims ledger of all arms."""

from pathlib import Path

from PIL import Image

from lds_mlflow.choices.figures import SUMMARY
from lds_mlflow.config import AblateConfig
from lds_mlflow.config.arms import ARMS, CONTROL, LDS
from lds_mlflow.reporting.ablation import (
    AblationResults,
    Document,
    documents_of,
    read_results,
    report_of_ablation,
    sentence_of,
)
from lds_mlflow.reporting.comparison import listed_figures
from lds_mlflow.tracking import FinishedRun, tags
from lds_mlflow.tracking.context import Context

__all__ = ["run"]


def run(config: AblateConfig, context: Context) -> str:
    """Logs every table and figure under `paper`, and a report; lists the figures of the arm that select prefers."""
    results = read_results(context.inputs, config.wanted, config.seeds, config.margin)
    documents = documents_of(results, _lineage(results, context), _bands(context))
    for document in documents:
        _log(document, context)
    context.run.log_params({"extractor": results.first.extractor})
    context.run.log_tags({tags.PART: "test"})
    figures = {arm: _figures(results, arm) for arm in results.test}
    listed = listed_figures(figures, results.chosen)
    every = {f"{arm}/{name}": value for arm, found in figures.items() for name, value in found.items()}
    context.run.log_figures(listed | every, listed=listed)
    context.run.log_report(report_of_ablation(results, documents))
    return sentence_of(results)


def _log(document: Document, context: Context) -> None:
    context.run.log_text(document.markdown(), f"paper/{document.name}.md")
    context.run.log_text(document.latex(), f"paper/{document.name}.tex")
    if document.table is not None:
        # The report logs the figures.
        context.run.log_picture(document.png(), f"paper/{document.name}.png")
        context.run.log_table(document.table, f"paper/{document.name}.csv")


def _figures(results: AblationResults, arm: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name in SUMMARY:
        found = results.mean(arm, name)
        assert found is not None
        figures |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        row = results.against_control.get((arm, name))
        if row is not None:
            figures |= {f"{name}_minus_{CONTROL}": row.difference, f"{name}_p": row.p_corrected}
    return figures


def _lineage(results: AblationResults, context: Context) -> dict[str, str]:
    arm = LDS if LDS in results.test else CONTROL
    judged = context.inputs[f"{arm}-0-test"]
    data = context.inputs["data"]
    fid = results.test[arm][0].metrics["fid"]
    train, test = (f"{data.metrics[f'{part}_examples']:,.0f}" for part in ("train", "test"))
    texts = {
        "data": f"{train} images to train on, {test} to test on",
        "train": "the baseline",
        "encode": f"{train} latents",
        "augment": _a_in_words(context),
        "finetune": f"on train{' + A' if arm == LDS else ''}, {ARMS[arm].title}",
        "evaluate": f"FID {fid:.3g}",
    }
    known = {**judged.inputs, "evaluate": judged.id}
    return {step: f"{text} (run {known[step][:8]})" for step, text in texts.items() if step in known}


def _a_in_words(context: Context) -> str:
    made = context.inputs.get(f"{LDS}-0-augment")
    return "" if made is None else f"{made.metrics['images_of_A']:,.0f} images as A"


def _bands(context: Context) -> Image.Image | None:
    made: FinishedRun | None = context.inputs.get(f"{LDS}-0-augment")
    if made is None:
        return None
    with made.folder("pictures") as folder, Image.open(Path(folder) / "lds_bands.png") as picture:
        return picture.copy()
