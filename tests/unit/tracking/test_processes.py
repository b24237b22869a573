import subprocess
import sys

import psutil

from lds_mlflow.tracking.processes import has_ended, is_alive, this_process


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


def test_a_process_of_another_machine_has_ended_once_its_lease_has_run_out() -> None:
    assert has_ended("pod-1 1 5", "1000", 1601.0)
    assert not has_ended("pod-1 1 5", "1000", 1599.0)


def test_of_a_process_of_another_machine_without_a_lease_nothing_is_known() -> None:
    assert not has_ended("pod-1 1 5", None, 1e12)
    assert not has_ended("pod-1 1 5", "yesterday", 1e12)


def test_the_lease_of_a_process_of_this_machine_does_not_count() -> None:
    assert not has_ended(this_process(), "0", 1e12)
    host, number, start = this_process().rsplit(" ", 2)
    assert has_ended(f"{host} {number} {int(start) - 100}", "0", 0.0)
