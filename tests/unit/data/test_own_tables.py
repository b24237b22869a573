"""The tables among the images: under which names and where they are found, and what they say."""

import json
import unicodedata
from collections import Counter
from typing import Literal

import pytest

from tests.unit.data.conftest import images_in, laid_out, layout_refusal, said_of


@pytest.mark.parametrize("around", ["", "faces/", "a/b/"])
@pytest.mark.parametrize(
    ("table", "content"),
    [
        ("labels.csv", "file,kind\n{}cat.png,a\n{}dog.png,b\n"),
        ("Labels.CSV", "\ufeffFile, Kind\n{}cat.png, a\n{}dog.png,b \n"),
        ("labels.csv", "file;kind\n{}cat.png;a\n{}dog.png;b\n"),
        ("labels.tsv", "file\tkind\n{}cat.png\ta\n{}dog.png\tb\n"),
        ("metadata.csv", "file_name,kind\n{}cat.png,a\n{}dog.png,b\n"),
        (
            "metadata.jsonl",
            '{{"file_name": "{}cat.png", "kind": "a"}}\n{{"file_name": "{}dog.png", "kind": "b", "x": [1]}}\n',
        ),
        ("dataset.json", '{{"labels": [["{}cat.png", "a"], ["{}dog.png", "b"]]}}'),
    ],
)
@pytest.mark.parametrize("inner", ["", "images/"])
def test_a_table_is_read_under_its_names_and_inside_a_folder_around_everything(
    around: str, table: str, content: str, inner: str
) -> None:
    names = [f"{around}{inner}{kind}.png" for kind in ("cat", "dog")]
    layout = laid_out(*names, **{around + table: content.format(inner, inner)})
    assert [name.strip('"') for name in layout.classes_N] == ["a", "b"]
    assert layout.names_N == tuple(names)
    assert layout.left_out == ()


def test_hugging_faces_metadata_may_lie_in_each_part() -> None:
    table = "file_name,text,kind\n" + "".join(f"{i:03}.png,picture {{}} {i},{'ab'[i % 2]}\n" for i in range(12))
    layout = laid_out(
        *images_in("train", "test", n=12),
        **{"train/metadata.csv": table, "test/metadata.csv": table.replace("{}", "t")},
    )
    assert Counter(zip(layout.classes_N, layout.parts_N, strict=True)) == {
        (kind, part): 6 for kind in "ab" for part in ("train", "test")
    }
    assert any("column text isn't taken for the class: 12 different values" in line for line in layout.report)


def test_captions_alone_make_no_classes() -> None:
    lines = "\n".join(json.dumps({"file_name": f"{i:03}.png", "text": f"picture {i}"}) for i in range(12))
    layout = laid_out(*(f"{i:03}.png" for i in range(12)), metadata__jsonl=lines)
    assert layout.classes_N == ()


def test_a_table_beside_another_that_says_more_is_named() -> None:
    layout = laid_out("a.png", labels__csv="file,kind\na.png,x\n", metadata__csv="file_name,kind\na.png,y\n")
    assert layout.report[-1].startswith("Note: metadata.csv isn't read.")
    assert ("metadata.csv", "ending") in [fault[:2] for fault in layout.left_out]


def test_two_tables_of_one_kind_are_refused() -> None:
    table = "file,kind\na.png,x\n"
    assert "labels.csv, labels.tsv" in layout_refusal("a.png", labels__csv=table, labels__tsv=table).found


@pytest.mark.parametrize("labels", [None, []])
def test_folders_beside_a_dataset_without_labels_are_no_classes(labels: None) -> None:
    assert laid_out(*images_in("00000", "00001"), dataset__json=json.dumps({"labels": labels})).classes_N == ()


def test_one_hot_labels_of_a_dataset_are_classes() -> None:
    labels = [["00000/000.png", [0, 1]], ["00000/001.png", [1, 0]]]
    assert laid_out(*images_in("00000"), dataset__json=json.dumps({"labels": labels})).classes_N == ("1", "0")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"labels": 3}', '{"labels": [["a.png"]]}', "[" * 99_999])
def test_a_dataset_that_is_none_is_named(content: str) -> None:
    error = layout_refusal("a.png", dataset__json=content)
    assert error.what == "dataset.json of pets"
    assert "rename" in error.remedy


def test_images_without_a_row_are_left_out_and_named() -> None:
    layout = laid_out("a.png", "b.png", "c.png", labels__csv="file,kind\nb.png,x\n")
    assert layout.names_N == ("b.png",)
    assert [fault[:2] for fault in layout.left_out] == [("a.png", "unlisted"), ("c.png", "unlisted")]
    assert any("2 images that have no row in the table" in line for line in layout.report)


def test_a_row_that_could_mean_two_images_is_refused() -> None:
    error = layout_refusal("x/a.png", "y/a.png", labels__csv="file,kind\na.png,x\n")
    assert error.found == "a row for a.png, of which there are 2 in different folders"


@pytest.mark.parametrize("cell", [" ", "\u00a0", ""])
def test_a_cell_of_blanks_is_empty(cell: str) -> None:
    error = layout_refusal("a.png", "b.png", labels__csv=f"file,kind\na.png,x\nb.png,{cell}\n")
    assert error.found == "empty cells of images, such as b.png (1 in all)"


@pytest.mark.parametrize("header", [",file,kind", "Unnamed: 0,file,kind"])
def test_the_row_numbers_of_pandas_are_no_classes(header: str) -> None:
    layout = laid_out("a.png", "b.png", labels__csv=f"{header}\n0,a.png,x\n1,b.png,y\n")
    assert layout.classes_N == ("x", "y")


@pytest.mark.parametrize("label", ["", "age"])
def test_labels_that_are_no_classes_are_refused(label: str) -> None:
    rows = "".join(f"{i:02}.png,{1.5 * i}\n" for i in range(40))
    error = layout_refusal(*(f"{i:02}.png" for i in range(40)), label=label, labels__csv=f"file,age\n{rows}")
    assert (error.what, error.found) == ("column age of labels.csv of pets", "40 different values for 40 images")


@pytest.mark.parametrize("word", ["validation", "VAL", " dev ", "select", "1"])
def test_a_column_of_parts_knows_the_words_for_them(word: str) -> None:
    train, test = ("0", "2") if word == "1" else ("training", "Test")
    table = f"file,Split\na.png,{train}\nb.png,{word}\nc.png,{test}\nd.png,\n"
    assert laid_out("a.png", "b.png", "c.png", "d.png", labels__csv=table).parts_N == ("train", "select", "test", "")


@pytest.mark.parametrize("written", ["x\\a.png", "./x/a.png", " x/a.png "])
def test_a_path_may_be_written_as_programs_write_it(written: str) -> None:
    assert laid_out("x/a.png", "y/a.png", labels__csv=f"file,kind\n{written},k\ny/a.png,l\n").classes_N == ("k", "l")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_however_its_accents_are_written(form: Literal["NFC", "NFD"]) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    name = unicodedata.normalize(form, "é.png")
    assert laid_out(name, labels__csv=f"file,kind\n{unicodedata.normalize(other, name)},x\n").names_N == (name,)


@pytest.mark.parametrize(
    "content", ["file,kind\n" + "x" * 10**6, "x" * 10**6, f"file,{','.join(f'y{i}' for i in range(2_000))}\nz.png,"]
)
def test_what_a_table_says_is_cut_short_in_errors(content: str) -> None:
    assert len(str(layout_refusal("a.png", labels__csv=content))) < 3_000


def test_a_table_of_parts_in_another_order_leaves_each_image_the_class_of_its_folder() -> None:
    table = "file,split\ndog/000.png,test\ncat/000.png,train\ndog/001.png,train\ncat/001.png,test\n"
    layout = laid_out(*images_in("cat", "dog"), labels__csv=table)
    assert said_of(layout) == {
        "dog/000.png": ("dog", "test"),
        "cat/000.png": ("cat", "train"),
        "dog/001.png": ("dog", "train"),
        "cat/001.png": ("cat", "test"),
    }
