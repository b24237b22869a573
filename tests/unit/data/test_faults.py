import pytest

from lds_mlflow.data.faults import LEFT_OUT, Fault, FaultKind, UnusableError, require_usable
from lds_mlflow.errors import DataError

FORM = (3, 16, 16)


def _require(faults: list[Fault], n: int = 10, form: tuple[int, ...] | None = FORM, tolerated: float = 0.0) -> None:
    require_usable(faults, n, first="00.png", form=form, source="pets", tolerated=tolerated)


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_is_left_out_is_tolerated_up_to_a_share(kind: FaultKind) -> None:
    faults = [Fault("01.png", kind), Fault("02.png", kind)]
    _require(faults, tolerated=0.2)
    with pytest.raises(DataError, match=r"2 in all\): 01.png, 02.png.*at most 10.0%"):
        _require(faults, tolerated=0.1)


def test_the_most_frequent_fault_is_the_one_that_is_told() -> None:
    faults = [Fault("a", "locked"), Fault("b", "method", "deflate64"), Fault("c", "method", "deflate64")]
    with pytest.raises(DataError) as caught:
        _require(faults)
    assert "deflate64 (2 in all): b, c" in caught.value.found
    assert caught.value.remedy == LEFT_OUT["method"].remedy


def test_nothing_usable_is_refused_whatever_is_tolerated() -> None:
    with pytest.raises(DataError, match="can't be decoded"):
        _require([Fault("a", "corrupt")], n=1, form=None, tolerated=1.0)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("a", "mode", "LAB"), "mode LAB; expected mode L"),
        (Fault("a", "range", "-1 to 5"), "values -1 to 5; expected integers from 0 to 65,535"),
        (Fault("a", "form", "8x8, 3 channels"), "another size or mode than 00.png.*16x16 pixels with 3 channels"),
    ],
)
def test_what_has_no_rule_or_another_form_is_never_tolerated(fault: Fault, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _require([fault], tolerated=1.0)


def test_molecules_that_are_too_long_are_told_how_long_they_may_be() -> None:
    words = LEFT_OUT["tokens"]
    assert "more than 120 tokens" in words.found
    assert words.expected == "molecules of at most 120 tokens (about as many atoms and branches)"


def test_at_most_five_files_are_named() -> None:
    with pytest.raises(DataError, match="0, 1, 2, 3, 4 and 3 more"):
        _require([Fault(str(number), "corrupt") for number in range(8)])


def test_a_picture_that_can_not_be_used_says_why() -> None:
    error = UnusableError("method", "deflate64")
    assert (error.kind, error.detail) == ("method", "deflate64")
