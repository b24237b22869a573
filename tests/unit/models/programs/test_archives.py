import io
import warnings
import zipfile

import pytest

from lds_mlflow.models.programs.archives import written_anew

_END_OF_ARCHIVE = 22
"""Bytes of the record that ends an archive, and says where the list of records begins."""


def _archive(*records: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of names that it has already.
        for name, content in records:
            archive.writestr(name, content)
    return buffer.getvalue()


def _records(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_all_records_are_kept_and_folders_are_not() -> None:
    assert _records(written_anew(_archive(("a/", b""), ("a/b", b"1"), ("a/c/d", b"2")))) == {"a/b": b"1", "a/c/d": b"2"}


@pytest.mark.parametrize("other", ["a/code.py", "a/code.PY", "A/code.py"])
def test_two_records_of_one_name_are_refused(other: str) -> None:
    with pytest.raises(ValueError, match=r"records of the same name \(a/code\.py"):
        written_anew(_archive(("a/code.py", b"1"), (other, b"2")))


@pytest.mark.parametrize(("names", "n"), [(("a/x", "b/y"), 2), (("a/x", "A/y"), 2), ((), 0)])
def test_an_archive_without_exactly_one_root_folder_is_refused(names: tuple[str, ...], n: int) -> None:
    with pytest.raises(ValueError, match=f"{n} root folders"):
        written_anew(_archive(*((name, b"") for name in names)))


def test_what_stands_before_an_archive_is_gone() -> None:
    content = written_anew(b"PTMF" * 9 + _archive(("a/b", b"1")))
    assert content.startswith(b"PK")
    assert _records(content) == {"a/b": b"1"}


def test_a_second_list_of_the_records_is_gone() -> None:
    """Python finds the list of records before the end of the file, torch at the offset that stands there."""
    harmless, hostile = (_archive(("a/b", content)) for content in (b"harmless", b"hostile!"))
    both = hostile[:-_END_OF_ARCHIVE] + harmless
    assert b"hostile!" in both
    assert _records(both) == _records(written_anew(both)) == {"a/b": b"harmless"}
    assert b"hostile!" not in written_anew(both)
