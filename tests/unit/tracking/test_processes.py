import subprocess
import sys

import psutil

from lds_mlflow.tracking.processes import is_alive, this_process


def test_this_process_is_alive() -> None:
    assert is_alive(this_process())


def test_a_process_that_has_ended_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        told = f"host {process.pid} {psutil.Process(process.pid).create_time():.0f}"
        assert is_alive(told)
    assert not is_alive(told)


def test_another_process_with_the_same_number_is_told_apart_by_its_start() -> None:
    host, number, start = this_process().rsplit(" ", 2)
    assert not is_alive(f"{host} {number} {int(start) - 100}")
