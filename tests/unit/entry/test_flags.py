"""Commands as a person types them, or as MLflow's launcher writes them."""

from pathlib import Path
from typing import ClassVar, Literal

import click
import pytest
from click.testing import CliRunner, Result

from lds_mlflow.config import Configs, DeliverConfig, ServeConfig, Settings
from lds_mlflow.config.base import Declared
from lds_mlflow.entry.flags import command
from lds_mlflow.entry.points import EntryPoint
from lds_mlflow.errors import DataError, Interrupted

POINT = EntryPoint("serve", "Serve.", (ServeConfig, DeliverConfig), own=ServeConfig, settles=frozenset({"host"}))


class _Calls:
    """Keeps what a command was called with, and raises what it is told to."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.configs: list[Configs] = []
        self.error = error

    def __call__(self, configs: Configs) -> None:
        self.configs.append(configs)
        if self.error is not None:
            raise self.error


def _invoke(*words: str, error: BaseException | None = None) -> tuple[Result, _Calls]:
    calls = _Calls(error)
    return CliRunner().invoke(command(POINT, calls), list(words)), calls


@pytest.mark.parametrize("words", [("--port=5002",), ("--port", "5002")])
def test_a_parameter_may_be_given_in_one_word_or_two(words: tuple[str, ...]) -> None:
    done, calls = _invoke(*words)
    assert done.exit_code == 0, done.output
    assert [configs[ServeConfig].port for configs in calls.configs] == [5002]


def test_without_parameters_all_have_their_defaults() -> None:
    _, calls = _invoke()
    assert calls.configs == [Configs((ServeConfig(), DeliverConfig()))]


@pytest.mark.parametrize("value", ["a b", "it's", 'a "b"', "a; rm -r /", "$HOME", "-1", "--odd", "ü", ""])
def test_a_value_arrives_as_it_was_given(value: str) -> None:
    _, calls = _invoke("--work_dir", f"/tmp/{value}")
    assert str(calls.configs[0][DeliverConfig].work_dir) == f"/tmp/{value}".removesuffix("/")


@pytest.mark.parametrize("words", [("--prot=5002",), ("--prot", "5002"), ("--prot",)])
def test_a_misspelt_parameter_is_refused_with_the_nearest_that_there_is(words: tuple[str, ...]) -> None:
    done, calls = _invoke(*words)
    assert (done.exit_code, calls.configs) == (1, [])
    assert "ConfigError: 1 wrong parameter: expected " in done.stderr
    assert "there is no parameter prot; the nearest is port" in done.stderr
    assert "--help-all lists every parameter" in done.stderr


def test_a_parameter_that_is_like_no_other_is_refused_too() -> None:
    done, _ = _invoke("--qqqq=1")
    assert done.exit_code == 1
    assert "there is no parameter qqqq\n" in done.stderr


def test_a_parameter_that_the_command_settles_by_itself_is_refused() -> None:
    done, _ = _invoke("--host=0.0.0.0")
    assert done.exit_code == 1
    assert "there is no parameter host" in done.stderr


def test_unknown_parameters_and_wrong_values_are_told_together() -> None:
    done, calls = _invoke("--prot", "5002", "--model", "nowhere", "--wrok_dir=x", "--port=0")
    assert (done.exit_code, calls.configs) == (1, [])
    assert "4 wrong parameters" in done.stderr
    for text in ("no parameter prot", "no parameter wrok_dir", "model=nowhere", "port=0"):
        assert text in done.stderr


@pytest.mark.parametrize("words", [("word",), ("--port=5002", "word"), ("--prot=1", "word"), ("--prot", "1", "word")])
def test_a_word_that_belongs_to_no_parameter_is_refused(words: tuple[str, ...]) -> None:
    done, calls = _invoke(*words)
    assert (done.exit_code, calls.configs) == (1, [])
    assert "found the word 'word', which belongs to no parameter" in done.stderr


def test_an_error_that_a_user_can_mend_is_a_sentence_and_no_traceback() -> None:
    done, _ = _invoke(error=DataError("images", found="none", expected="some", remedy="Bring some."))
    assert done.exit_code == 1
    assert "DataError: images: found none; expected some. Bring some." in done.stderr


@pytest.mark.parametrize("path", ["file/below", "nowhere/file", "/proc/1/none/at/all"])
def test_a_file_or_folder_that_can_not_be_used_is_a_sentence_and_no_traceback(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    def write(configs: Configs) -> None:
        (tmp_path / path).write_text("x")

    done = CliRunner().invoke(command(POINT, write))
    assert done.exit_code == 1
    assert f"{tmp_path / path}: found " in done.stderr
    assert "Change its permissions" in done.stderr


def test_an_error_of_the_system_that_names_no_file_keeps_its_traceback() -> None:
    done, _ = _invoke(error=OSError(5, "Input/output error"))
    assert isinstance(done.exception, OSError)


def test_an_interruption_ends_with_the_exit_status_of_its_signal() -> None:
    done, _ = _invoke(error=Interrupted(15))
    assert done.exit_code == 128 + 15
    assert "run the same command again" in done.stderr


def test_the_help_text_has_every_parameter_with_its_default() -> None:
    for flag in ("--help", "--help-all"):
        done, calls = _invoke(flag)
        assert (done.exit_code, calls.configs) == (0, [])
        assert all(text in done.output for text in ("Serve.", "--model", "--port INTEGER", "default: 5001; from 1"))
        assert "--host" not in done.output


class _Settings(Settings):
    topic: ClassVar[str] = "Train"

    often: Declared[bool] = False
    """Whether it is often set."""

    seldom: Literal["yes", "no"] = "no"
    """Whether it is seldom set."""


def test_the_short_help_text_has_what_people_set_most_and_says_how_much_more_there_is() -> None:
    shown = command(EntryPoint("do", "Do it.", (_Settings,), own=_Settings, examples=("--often=true",)), _Calls())
    short, whole = (CliRunner().invoke(shown, [flag]).output for flag in ("--help", "--help-all"))
    assert "Show 1 more parameters" in short
    for text in ("--print-config", "Print a file of parameters", "--help-all", "all of their text"):
        assert text in short
        assert text in whole
    assert "python -m lds_mlflow do --often=true" in short
    assert ("--seldom" in short, "Train:" in short) == (False, False)
    assert ("--seldom yes|no" in whole, "Train:" in whole) == (True, True)
    assert "--often true|false" in short
    assert "[default: false]" in short


def _file(tmp_path: Path, text: str) -> str:
    (tmp_path / "a.yaml").write_text(text)
    return f"--config={tmp_path / 'a.yaml'}"


def test_a_flag_counts_before_a_file_and_a_file_before_a_default(tmp_path: Path) -> None:
    file = _file(tmp_path, "port: 5003\naccept: any\n")
    _, calls = _invoke(file, "--port=5001")
    (configs,) = calls.configs
    assert (configs[ServeConfig].port, configs[ServeConfig].accept) == (5001, "any")
    assert configs.origins == {"accept": file.removeprefix("--config="), "port": "flag", "config": "flag"}


def test_a_default_that_the_launcher_passes_on_does_not_count_before_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "1" * 32)
    _, calls = _invoke(
        "--port=5001", "--model=models:/a/1", "--config", str(tmp_path / "a.yaml"), _file(tmp_path, "port: 5003")
    )
    (configs,) = calls.configs
    assert (configs[ServeConfig].port, configs[ServeConfig].model) == (5003, "models:/a/1")


def test_in_a_container_the_launchers_own_defaults_do_not_count_before_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "1" * 32)
    _, calls = _invoke("--work_dir=/work", _file(tmp_path, f"work_dir: {tmp_path}\n"))
    assert calls.configs[0][DeliverConfig].work_dir == tmp_path
    assert calls.configs[0].origins["work_dir"] == str(tmp_path / "a.yaml")


SECRET = "https://me:hunter2@host"


@pytest.mark.parametrize("words", [(f"--model={SECRET}",), ("--prot", SECRET), (f"--config={SECRET}",)])
def test_a_secret_that_was_typed_is_refused_and_said_to_be_logged_by_the_launcher(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "12ab")
    done, calls = _invoke(*words)
    assert (done.exit_code, calls.configs) == (1, [])
    assert "mlflow runs delete --run-id 12ab" in done.stderr
    assert "hunter2" not in done.output


def test_a_secret_in_a_file_is_refused_and_nobody_has_logged_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "12ab")
    done, calls = _invoke(_file(tmp_path, f"model: {SECRET}"))
    assert (done.exit_code, calls.configs) == (1, [])
    assert "model: found an address with a password, token or signature" in done.stderr
    assert "mlflow run" not in done.stderr


def test_a_flag_without_a_value_is_no_parameter_of_another_command(tmp_path: Path) -> None:
    both = click.Group("both", {"serve": command(POINT, _Calls()), "do": command(POINT, _Calls())})
    done = CliRunner().invoke(both, ["serve", _file(tmp_path, "print_config: 1\n")])
    assert done.exit_code == 1
    assert "there is no parameter print_config" in done.stderr


def test_an_unknown_name_in_a_file_is_refused_with_the_nearest(tmp_path: Path) -> None:
    done, calls = _invoke(_file(tmp_path, "prot: 5003\nport: none\n"))
    assert (done.exit_code, calls.configs) == (1, [])
    assert "there is no parameter prot; the nearest is port" in done.stderr
    assert "port=none" in done.stderr


def test_a_name_that_another_command_takes_is_left_out(tmp_path: Path) -> None:
    calls = _Calls()
    both = click.Group(
        "both", {"serve": command(POINT, calls), "do": command(EntryPoint("do", "", (_Settings,)), calls)}
    )
    done = CliRunner().invoke(both, ["serve", _file(tmp_path, "often: true\nport: 5003\n")])
    assert done.exit_code == 0, done.stderr
    assert calls.configs[0][ServeConfig].port == 5003


def test_the_written_file_of_parameters_gives_the_same_command(tmp_path: Path) -> None:
    done, calls = _invoke("--port=5003", "--work_dir", str(tmp_path / "a b"), "--print-config")
    assert (done.exit_code, calls.configs) == (0, [])
    _, again = _invoke(_file(tmp_path, done.output))
    _, given = _invoke("--port=5003", "--work_dir", str(tmp_path / "a b"))
    assert again.configs[0][DeliverConfig].work_dir == given.configs[0][DeliverConfig].work_dir
    assert again.configs[0][ServeConfig].port == 5003
