"""What a person finds on the pages of MLflow's UI and in the report, once the whole pipeline has run."""

import re
from pathlib import Path

from playwright.sync_api import HttpCredentials, Page, expect

from lds_mlflow.tracking import Tracker, page_of_runs
from lds_mlflow.tracking.pages import page_of_run
from tests.browsers import running_browser
from tests.tracking_server import PASSWORD, USER

__all__ = ["require_pages_that_say_who_has_won"]

_DRAWN_MS = 60_000


def require_pages_that_say_who_has_won(tracker: Tracker, said: str, folder: Path) -> None:
    """Looks at the run of main, the list of runs and the report.

    Args:
        tracker: A store in which main has run, of the tests' server.
        said: What main has printed.
        folder: Where the report may be put.
    """
    runs = [tracker.open(run.info.run_id) for run in tracker.client.search_runs([tracker.experiment_id])]
    (main,) = [run for run in runs if run.step == "main"]
    verdict, _, _ = main.sentence.partition("\n")
    assert f"{verdict}." in " ".join(said.split())
    fids = {f"{run.metrics['fid']:.3g}" for run in runs if run.step == "evaluate"}
    tracker.client.download_artifacts(main.id, "report.html", str(folder))
    with running_browser() as browser:
        page = browser.new_context(
            http_credentials=HttpCredentials(username=USER, password=PASSWORD), viewport={"width": 1280, "height": 900}
        ).new_page()
        _open(page, f"{tracker.tracking_uri}/{page_of_run(tracker.experiment_id, main.id)}")
        expect(page.get_by_text(verdict).first).to_be_visible(timeout=_DRAWN_MS)
        _open(page, f"{tracker.tracking_uri}/{page_of_runs(tracker.experiment_id)}")
        expect(page.get_by_text("fid", exact=True).first).to_be_visible(timeout=_DRAWN_MS)
        expect(page.get_by_text(re.compile("^main ")).first).to_be_visible()
        page.goto((folder / "report.html").as_uri())
        expect(page.get_by_text(verdict).first).to_be_visible()
        table = page.locator("table").first.inner_text()
        assert {fid for fid in fids if fid in table}
        assert page.locator("img").count() >= len(fids)


def _open(page: Page, address: str) -> None:
    # A page of the UI is one document, which reads the rest of its address when it is loaded.
    page.goto("about:blank")
    page.goto(address)
