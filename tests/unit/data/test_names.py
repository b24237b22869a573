import pytest

from lds_mlflow.data.names import first_class, table_of_names


def test_parts_between_underscores_become_columns() -> None:
    table = table_of_names(["a/3_theo_12.wav", "b/4_nina_13.wav"])
    assert table is not None
    assert table.rows.columns.tolist() == ["file", "name_1", "name_2", "name_3"]
    assert table.rows.iloc[0].tolist() == ["a/3_theo_12.wav", "3", "theo", "12"]
    assert not table.is_own


def test_hyphens_divide_where_underscores_do_not() -> None:
    table = table_of_names(["03-01-05.wav", "03-02-06.wav"])
    assert table is not None
    assert table.rows["name_2"].tolist() == ["01", "02"]


@pytest.mark.parametrize("names", [["a.wav", "b.wav"], ["a_1.wav", "b.wav"], ["a_1.wav", "b_1_2.wav"], []])
def test_names_without_a_common_form_have_no_parts(names: list[str]) -> None:
    assert table_of_names(names) is None


@pytest.mark.parametrize(
    ("names", "column"),
    [
        ([f"{i % 3}_{i % 2}_{i:03}" for i in range(30)], "name_1"),
        ([f"take_{i % 2}_{i:03}" for i in range(30)], "name_2"),
        ([f"take_{i:03}" for i in range(30)], ""),
        ([f"take_{i}" for i in range(4)], ""),
    ],
)
def test_the_class_is_the_first_part_that_several_files_share(names: list[str], column: str) -> None:
    table = table_of_names(names)
    assert table is not None
    assert first_class(table) == column
