from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lds_mlflow.data import declare_parts, exact_copies, limit_examples, split_examples
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet, Splits


def _images(n: int, *, kinds: int = 0, parts: tuple[str, ...] = ()) -> ExampleSet:
    """Makes n pictures with names of their own; `kinds` different ones, or all different."""
    pixels = torch.randint(256, (kinds or n, 1, 4, 4), generator=torch.Generator().manual_seed(7), dtype=torch.uint8)
    return ExampleSet(
        name="pictures",
        examples_N=pixels[torch.arange(n) % len(pixels)],
        ids_N=tuple(f"{i}.png" for i in range(n)),
        labels_N=torch.arange(n),
        class_names_K=tuple(str(i) for i in range(n)),
        declared_parts_N=parts,
    )


def _split(images: ExampleSet, *, select: float = 0.2, test: float = 0.2, seed: int = 0) -> Splits:
    return split_examples(images, select_fraction=select, test_fraction=test, seed=seed)


def _contents(images: ExampleSet) -> set[bytes]:
    return {image.numpy().tobytes() for image in images.examples_N}


def _parts(splits: Splits) -> list[ExampleSet]:
    return [splits.train, splits.select, splits.test]


@settings(max_examples=25, deadline=None)
@given(n=st.integers(20, 60), select=st.floats(0.1, 0.4), test=st.floats(0.1, 0.4), seed=st.integers(0, 99))
def test_parts_are_disjoint_and_complete_and_as_large_as_asked(n: int, select: float, test: float, seed: int) -> None:
    splits = _split(_images(n), select=select, test=test, seed=seed)
    ids = [name for part in _parts(splits) for name in part.ids_N]
    assert sorted(ids) == sorted(_images(n).ids_N)
    assert len(splits.select) == round(select * n)
    assert len(splits.test) == round(test * n)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(60, 90), kinds=st.integers(12, 50), seed=st.integers(0, 99))
def test_exact_copies_never_fall_on_two_sides(n: int, kinds: int, seed: int) -> None:
    splits = _split(_images(n, kinds=kinds), seed=seed)
    contents = [_contents(part) for part in _parts(splits)]
    assert sum(map(len, contents)) == len(set.union(*contents)) == kinds
    assert sum(map(len, _parts(splits))) == n


def test_copies_of_a_declared_test_image_are_not_trained_on() -> None:
    images = _images(40, kinds=20, parts=("test",) * 5 + ("train",) * 35)
    splits = _split(images)
    assert not _contents(splits.test) & (_contents(splits.train) | _contents(splits.select))


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(30)), kinds=st.sampled_from([30, 20]))
def test_order_and_names_of_the_files_do_not_matter(order: list[int], kinds: int) -> None:
    images = _images(30, kinds=kinds)
    moved = replace(images.take(torch.tensor(order)), ids_N=tuple(f"other-{i}" for i in range(30)))
    for before, after in zip(_parts(_split(images)), _parts(_split(moved)), strict=True):
        assert _contents(before) == _contents(after)


def test_a_part_keeps_the_order_of_its_source_and_the_labels_of_its_images() -> None:
    for part in _parts(_split(_images(30))):
        assert part.labels_N is not None
        assert part.ids_N == tuple(f"{i}.png" for i in part.labels_N.tolist())
        assert part.labels_N.tolist() == sorted(part.labels_N.tolist())


def test_one_seed_divides_alike_and_another_otherwise() -> None:
    images = _images(40)
    assert _split(images).train.ids_N == _split(images).train.ids_N
    assert _split(images, seed=1).train.ids_N != _split(images, seed=2).train.ids_N


def test_the_declared_test_part_is_the_test_part() -> None:
    images = _images(20, parts=tuple("test" if i % 4 == 0 else ("train", "")[i % 2] for i in range(20)))
    splits = _split(images, select=0.2, test=0.5)
    assert splits.test.ids_N == tuple(f"{i}.png" for i in range(0, 20, 4))
    # A fifth of the fifteen beside the test part.
    assert len(splits.select) == 3
    assert len(splits.train) == 12


def test_where_only_train_is_declared_the_test_part_is_drawn() -> None:
    splits = _split(_images(20, parts=("train",) * 20), test=0.25)
    assert len(splits.test) == 5


@pytest.mark.parametrize(
    ("n", "select", "test", "small"),
    [
        (4, 0.2, 0.2, ["select 1", "test 1"]),
        (10, 0.5, 0.5, ["train 0"]),
        (30, 0.01, 0.2, ["select 0"]),
        (1, 0.2, 0.2, ["train 1", "select 0", "test 0"]),
    ],
)
def test_too_few_images_for_a_part_are_told_with_the_part(n: int, select: float, test: float, small: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        _split(_images(n), select=select, test=test)
    assert caught.value.what == f"the split of pictures ({n} examples)"
    assert all(part in caught.value.found for part in small)
    assert caught.value.expected == "at least 2 in each of train, select and test"
    assert "Give more examples" in caught.value.remedy
    assert "select_fraction" in caught.value.remedy


def test_copies_of_a_single_image_cannot_be_split() -> None:
    with pytest.raises(DataError, match="too few examples"):
        _split(_images(20, kinds=1))


def test_limit_zero_is_no_limit() -> None:
    images = _images(12)
    assert limit_examples(images, 0, seed=0) is images


def test_a_limit_keeps_so_many_in_their_order_whatever_their_names() -> None:
    images = _images(30)
    kept = limit_examples(images, 10, seed=0)
    backwards = limit_examples(images.take(torch.arange(29, -1, -1)), 10, seed=0)
    assert len(kept) == 10
    assert list(kept.ids_N) == sorted(kept.ids_N, key=lambda name: int(name[:-4]))
    assert set(kept.ids_N) == set(backwards.ids_N)


def test_a_larger_limit_holds_the_smaller_one() -> None:
    images = _images(30)
    assert set(limit_examples(images, 5, seed=3).ids_N) < set(limit_examples(images, 12, seed=3).ids_N)


def test_a_limit_above_the_number_of_images_keeps_them_all() -> None:
    assert limit_examples(_images(6), 100, seed=0).ids_N == _images(6).ids_N


def test_a_limit_spares_the_declared_test_part() -> None:
    images = _images(20, parts=("train",) * 15 + ("test",) * 5)
    kept = limit_examples(images, 4, seed=0)
    assert kept.declared_parts_N == ("train",) * 4 + ("test",) * 5
    assert kept.ids_N[4:] == images.ids_N[15:]


def test_a_reserve_is_kept_aside_and_is_in_no_other_part() -> None:
    images = _images(40)
    splits = split_examples(images, select_fraction=0.2, test_fraction=0.2, reserve_fraction=0.25, seed=0)
    assert splits.reserve is not None
    parts = [*_parts(splits), splits.reserve]
    assert [len(part) for part in parts] == [14, 8, 8, 10]
    assert set().union(*map(_contents, parts)) == _contents(images)
    assert sum(len(_contents(part)) for part in parts) == 40


def test_a_reserve_changes_neither_select_nor_test() -> None:
    images = _images(40)
    without = _split(images)
    splits = split_examples(images, select_fraction=0.2, test_fraction=0.2, reserve_fraction=0.25, seed=0)
    assert without.reserve is None
    assert splits.select.ids_N == without.select.ids_N
    assert splits.test.ids_N == without.test.ids_N


def test_a_reserve_beside_a_declared_test_part_is_taken_from_the_rest() -> None:
    images = _images(30, parts=("",) * 20 + ("test",) * 10)
    splits = split_examples(images, select_fraction=0.2, test_fraction=0.2, reserve_fraction=0.5, seed=0)
    assert splits.reserve is not None
    assert [len(part) for part in (*_parts(splits), splits.reserve)] == [6, 4, 10, 10]


def test_every_declared_part_is_that_part() -> None:
    declared = ("test",) * 6 + ("select",) * 5 + ("reserve",) * 4 + ("train",) * 25
    splits = _split(_images(40, parts=declared))
    assert splits.reserve is not None
    assert [len(part) for part in (*_parts(splits), splits.reserve)] == [25, 5, 6, 4]
    assert set(splits.select.declared_parts_N) == {"select"}


def test_a_list_gives_a_division_again() -> None:
    splits = _split(_images(40), seed=3)
    named = zip(("train", "select", "test"), _parts(splits), strict=True)
    parts = {name: part for part, images in named for name in images.ids_N}
    again = _split(declare_parts(_images(40), parts), seed=8)
    assert [part.digest for part in _parts(again)] == [part.digest for part in _parts(splits)]


def test_images_that_a_list_does_not_name_are_left_out() -> None:
    declared = declare_parts(_images(40), {"3.png": "test", "7.png": "train", "99.png": "train"})
    assert declared.ids_N == ("3.png", "7.png")
    assert declared.declared_parts_N == ("test", "train")


def test_a_list_may_name_images_by_the_last_part_of_their_path() -> None:
    images = replace(_images(2), ids_N=("faces/0.png", "faces/1.png"))
    assert declare_parts(images, {"1.png": "test"}).ids_N == ("faces/1.png",)


def test_a_list_of_other_images_is_refused() -> None:
    with pytest.raises(DataError, match="none of which is in pictures"):
        declare_parts(_images(4), {"a.png": "train"})


def test_exact_copies_are_named_with_the_image_that_they_copy() -> None:
    assert exact_copies(_images(5, kinds=3)) == [("3.png", "0.png"), ("4.png", "1.png")]
    assert exact_copies(_images(5)) == []
