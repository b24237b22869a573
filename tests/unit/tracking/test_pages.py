import json

import pytest

from lds_mlflow.tracking import pages


@pytest.mark.parametrize(
    ("tracking_uri", "address"),
    [
        ("sqlite:////tmp/runs.db", "http://127.0.0.1:5000"),
        ("file:///tmp/mlruns", "http://127.0.0.1:5000"),
        ("https://mlflow.example.org", "https://mlflow.example.org"),
    ],
)
def test_the_ui_is_that_of_the_server_or_of_this_machine(tracking_uri: str, address: str) -> None:
    assert pages.address_of_ui(tracking_uri) == address


def test_an_address_tells_no_password() -> None:
    assert "secret" not in pages.address_of_ui("http://me:secret@host:5000")


def test_names_are_quoted_in_addresses() -> None:
    assert pages.page_of_version("faces of cats/3").startswith("#/models/faces%20of%20cats/versions/3?")
    assert "/runs/12ab/artifacts/report%20of%20all.html?" in pages.page_of_artifact("1", "12ab", "report of all.html")
    assert pages.link_to_version("faces/3").startswith("[faces version 3](#/models/faces/versions/3?")


@pytest.mark.parametrize(
    "page",
    [
        pages.page_of_run("1", "12ab"),
        pages.page_of_runs("1"),
        pages.page_of_artifact("1", "12ab", "report.html"),
        pages.page_of_version("faces/3"),
    ],
)
def test_every_page_opens_the_ui_for_the_training_of_models(page: str) -> None:
    path, _, query = page.partition("?")
    assert path.startswith("#/")
    assert "workflowType=machine_learning" in query.split("&")


def test_the_view_of_the_runs_has_the_key_that_their_page_asks_for() -> None:
    name, state = pages.VIEW
    assert f"/1/runs?viewStateShareKey={name.rpartition('.')[2]}&" in pages.page_of_runs("1")
    assert "metrics.`fid`" in json.loads(state)["selectedColumns"]
