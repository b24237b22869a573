from lds_mlflow.recipes.division import Division


def test_a_division_is_what_a_run_of_data_has_logged() -> None:
    logged = {"train_examples": 12.0, "select_examples": 4.0, "test_examples": 5.0, "classes": 2.0}
    division = Division.of(logged, "images")
    assert division == Division(train=12, select=4, test=5, reserve=0, has_classes=True, domain="images")
    assert (division.held_out("select"), division.held_out("test")) == (4, 5)


def test_without_classes_it_has_none() -> None:
    assert not Division.of({"train_examples": 12.0, "classes": 0.0}, "images").has_classes


def test_the_sizes_of_classes_are_read_when_they_are_asked_for() -> None:
    read: list[str] = []

    def sizes() -> dict[str, int]:
        read.append("sizes")
        return {"cat": 12}

    division = Division.of({"train_examples": 12.0, "classes": 1.0}, "images", sizes)
    assert read == []
    assert division.class_sizes() == {"cat": 12}
