"""One list of requirements, without addresses, for every way to make the environment."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from tests.places import ROOT

RUNTIME = (ROOT / "requirements.txt").read_text()
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
PINS = dict(re.findall(r"^([\w.-]+)==([\w.+-]+)", RUNTIME, flags=re.MULTILINE))


def test_conda_installs_the_compiled_requirements() -> None:
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    assert conda["dependencies"][-1] == {"pip": ["-r requirements.txt"]}


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=]", dependency)[0] for dependency in project["dependencies"]}
    assert wanted <= set(PINS)


def test_no_requirement_has_an_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "conda.yaml", "pyproject.toml"):
        text = (ROOT / name).read_text()
        assert "://" not in text, name
        assert "--index" not in text, name


def test_the_development_pins_agree_with_the_runtime_pins() -> None:
    development = dict(re.findall(r"^([\w.-]+)==([\w.+-]+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    assert {name: development[name] for name in PINS} == PINS


def test_no_requirement_is_for_a_gpu_alone() -> None:
    # torch names what its build needs. Listed, it would also be installed beside a build for CPUs.
    assert {name for name in PINS if name.startswith(("nvidia-", "cuda-", "triton"))} == set()


@pytest.mark.parametrize("document", ["README.md", *DOCUMENTS])
def test_every_document_runs_the_pinned_mlflow(document: str) -> None:
    named = set(re.findall(r"mlflow@([\d.]+)", (ROOT / document).read_text(encoding="utf-8")))
    assert named <= {PINS["mlflow"]}
    assert named or document != "README.md"


def test_the_python_of_the_page_on_latents_runs() -> None:
    page = (ROOT / "docs" / "how-to" / "latents.md").read_text(encoding="utf-8")
    selecting, judging = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    for code, printed in (
        (selecting, ("the top 20% by LDS", "torch.Size([10000, 64])")),
        (judging, ("DensityCoverage(density=",)),
    ):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert all(text in done.stdout for text in printed)
