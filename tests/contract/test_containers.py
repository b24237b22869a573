"""What the containers are made of, as far as it can be read: tests/end_to_end/test_containers.py runs them."""

import json
import re
from configparser import ConfigParser
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from mlflow.cli import cli as mlflow_cli
from mlflow.projects.kubernetes import _get_kubernetes_job_definition, _get_run_command
from sqlalchemy import make_url

from lds_mlflow.__main__ import cli
from tests.compose import SECRETS, compose_config, composed
from tests.places import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = ("mlflow", "setup", "worker", "sampler")
OTHERS = ("postgres", "s3", "proxy")
BY_DIGEST = r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = composed()["services"]
    return found


def test_the_image_runs_as_a_user_with_pinned_requirements_and_is_watched() -> None:
    lines = DOCKERFILE.splitlines()
    assert "USER 1000" in lines
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    installs = [line for line in lines if "pip install" in line]
    assert installs
    assert all("requirements" in line for line in installs)
    (base,) = (line.removeprefix("ARG BASE=") for line in lines if line.startswith("ARG BASE="))
    assert base.startswith("python:3.11.")
    assert re.fullmatch(BY_DIGEST, base)
    assert [line for line in lines if line.startswith("FROM")] == ["FROM ${BASE}"]


def test_nothing_gets_into_the_image_but_what_it_is_made_of() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    copied = {word for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()}
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert copied == (allowed - {"requirements*.txt"}) | {"requirements.txt", "requirements-dev.txt"}


def test_compose_has_what_a_team_needs_and_all_of_it_runs_with_few_rights(services: dict[str, Any]) -> None:
    assert set(services) == {*OTHERS, *OURS}
    for service in services.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert {services[name]["user"] for name in OURS} == {"1000"}


def test_without_settings_workers_search_on_the_digits_and_the_only_model_is_served(services: dict[str, Any]) -> None:
    assert {"--data=digits", "--study=lds"} <= set(services["worker"]["command"])
    assert "--model=auto" in services["sampler"]["command"]


def test_the_images_of_others_are_named_by_their_digests(services: dict[str, Any]) -> None:
    for name in OTHERS:
        assert re.fullmatch(BY_DIGEST, services[name]["image"])


def test_only_this_machine_reaches_what_compose_starts_and_the_sampler_only_by_its_proxy(
    services: dict[str, Any],
) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"mlflow": ["127.0.0.1:5000:5000"], "proxy": ["127.0.0.1:5001:5001"]}


def test_what_is_waited_for_has_a_health_check_or_ends(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, wanted in service.get("depends_on", {}).items():
            ends = wanted == {"condition": "service_completed_successfully"}
            assert ends or wanted == {"condition": "service_healthy"}
            # That of the sampler is the image's.
            assert ends or name == "sampler" or "test" in services[name]["healthcheck"]


def test_neither_workers_nor_sampler_have_the_passwords_of_the_administrator_or_of_the_databases_owner(
    services: dict[str, Any],
) -> None:
    for name in ("worker", "sampler"):
        given = services[name]["environment"]
        assert given["MLFLOW_TRACKING_USERNAME"] == name
        assert not {SECRETS["MLFLOW_PASSWORD"], SECRETS["POSTGRES_PASSWORD"]} & set(given.values())


def test_the_server_gives_no_right_by_itself(services: dict[str, Any]) -> None:
    server = services["mlflow"]
    (mount,) = server["volumes"]
    file, place, mode = mount.split(":")
    assert (place, mode) == (server["environment"]["MLFLOW_AUTH_CONFIG_PATH"], "ro")
    # MLflow reads it by the same parser.
    found = ConfigParser()
    found.read(ROOT / file)
    assert found["mlflow"]["default_permission"] == "NO_PERMISSIONS"
    assert make_url(found["mlflow"]["database_uri"]).password is None
    assert "admin_password" not in found["mlflow"]


def test_the_database_is_not_ready_before_its_image_has_made_the_databases(services: dict[str, Any]) -> None:
    # Until then, PostgreSQL's image answers by its socket alone.
    assert "--host=127.0.0.1" in services["postgres"]["healthcheck"]["test"]


def test_no_secret_is_written_in_compose_or_in_a_command(services: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    for line in re.findall(r"^\s*\w*(?:PASSWORD|SECRET|KEY)\w*: (.*)$", text, re.MULTILINE):
        assert line.startswith("${"), line
    for service in services.values():
        assert not any(secret in str(service.get("command", "")) for secret in SECRETS.values())
        for word in re.findall(r"\S+://\S+@\S+", str(service.get("command", ""))):
            assert make_url(word.split("=", 1)[1].rstrip("',]")).password is None
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_compose_names_every_secret_that_is_missing() -> None:
    example = (ROOT / "containers" / "example.env").read_text()
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == set(SECRETS)
    assert "see containers/example.env" in compose_config().stderr


@pytest.mark.parametrize(("service", "command"), [("mlflow", mlflow_cli), ("worker", cli), ("sampler", cli)])
def test_the_commands_in_compose_have_the_options_that_they_are_given(
    services: dict[str, Any], service: str, command: Any
) -> None:
    words = [word for word in services[service]["command"] if word not in {"python", "-m", "lds_mlflow", "mlflow"}]
    shown = CliRunner().invoke(command, [words[0], "--help-all" if command is cli else "--help"])
    assert shown.exit_code == 0
    for word in words[1:]:
        assert f"{word.split('=')[0]} " in shown.output


def test_the_kubernetes_job_that_mlflow_makes_of_the_template_is_valid() -> None:
    config = json.loads((ROOT / "containers" / "kubernetes.json").read_text())
    template = yaml.safe_load((ROOT / config["kube-job-template-path"]).read_text())
    project = yaml.safe_load((ROOT / "containers" / "MLproject").read_text())
    command = ["python -m lds_mlflow train --train_steps=5 --data=digits"]
    job = _get_kubernetes_job_definition(
        project["name"],
        config["repository-uri"],
        "sha256:12ab",
        _get_run_command(command),
        {"MLFLOW_TRACKING_URI": "http://mlflow:5000", "MLFLOW_RUN_ID": "12ab"},
        template,
    )
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"][:4] == ["python", "-m", "lds_mlflow", "train"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", job["metadata"]["name"])
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert job["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]
    job["spec"]["template"]["spec"]["container"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
