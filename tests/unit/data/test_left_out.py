"""Hidden files, system files, and files that are no images."""

import pytest

from tests.unit.data.conftest import images_in, laid_out, layout_refusal


@pytest.mark.parametrize(
    "left", [".git/x.png", "cat/.ipynb_checkpoints/a.png", "__MACOSX/cat/._a.png", "lost+found/a.png", "Thumbs.db"]
)
def test_hidden_and_system_files_are_left_out_and_counted(left: str) -> None:
    layout = laid_out(*images_in("cat", "dog"), left)
    assert set(layout.classes_N) == {"cat", "dog"}
    assert [fault[:2] for fault in layout.left_out] == [(left, "hidden")]
    assert any("1 hidden or system files" in line for line in layout.report)


def test_files_that_are_no_images_are_counted_by_their_endings() -> None:
    layout = laid_out("a.jfif", "b.AVIF", "c.gif", "d.tga", "x.heic", "y.heic", "z.pdf", "LICENSE")
    assert layout.names_N == ("a.jfif", "b.AVIF", "c.gif", "d.tga")
    assert any("4 files by their endings (.heic 2, none 1, .pdf 1)" in line for line in layout.report)


def test_where_nothing_is_an_image_what_there_is_instead_is_said() -> None:
    assert layout_refusal(".cache/a.png", "b.heic").found == (
        "no image files, but 1 hidden or system files (.cache 1), 1 files by their endings (.heic 1)"
    )
