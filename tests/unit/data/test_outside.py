import os
from pathlib import Path

import pytest

from lds_mlflow.choices.data_sources import forms
from lds_mlflow.data.outside import digest_of_listing
from lds_mlflow.errors import DataError


@pytest.mark.parametrize("is_folder", [True, False])
def test_the_digest_follows_the_time_and_the_size_of_a_file(tmp_path: Path, is_folder: bool) -> None:
    file = tmp_path / "a.npy"
    place = str(tmp_path if is_folder else file)
    digests = []
    for content, time in ((b"one", 1), (b"one", 2), (b"longer", 2)):
        file.write_bytes(content)
        os.utime(file, ns=(time, time))
        digests.append(digest_of_listing(place))
    assert len(set(digests)) == 3
    assert digest_of_listing(place) == digests[-1]


def test_a_place_without_files_is_told_what_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        digest_of_listing(str(tmp_path / "nowhere"))
    assert caught.value.found == f"neither a file nor a folder at {tmp_path / 'nowhere'}"
    assert caught.value.expected == f"one of: {forms()}"
    assert caught.value.remedy.startswith("Check the path")
