import torch

from lds_mlflow.domains.molecules.tokens import TOKENS, selfies_of, stored

NAMES = [["C", "=Branch1", "#C"], ["O"], []]


def test_molecules_come_back_as_they_were_stored() -> None:
    examples = stored(NAMES)
    assert (examples.dtype, examples.shape) == (torch.int64, (3, 3))
    assert selfies_of(examples) == ["[C][=Branch1][#C]", "[O]", ""]


def test_equal_tokens_are_equal_numbers_and_what_follows_the_end_is_zero() -> None:
    examples = stored([["C", "O"], ["O", "C"], ["C"]])
    assert examples[0, 0] == examples[1, 1] == examples[2, 0]
    assert examples[2, 1] == 0
    assert examples.unique().min() == 0


def test_tokens_behind_an_end_are_not_read() -> None:
    examples = stored([["C", "O", "N"]])
    examples[0, 1] = 0
    assert selfies_of(examples) == ["[C]"]


def test_rows_of_a_larger_set_can_be_read() -> None:
    assert selfies_of(stored(NAMES)[1:, :2]) == ["[O]", ""]
    assert selfies_of(stored([])) == []


def test_a_model_sees_tokens_as_they_are_and_sequences_of_two_lengths_compare() -> None:
    examples = stored(NAMES)
    assert TOKENS.from_model(TOKENS.to_model(examples)) is examples
    longer = torch.nn.functional.pad(examples, (0, 2))
    assert TOKENS.compare(examples, longer) == {"exact": 1.0}
    longer[0, 4] = 7
    assert TOKENS.compare(examples, longer) == {"exact": 2 / 3}
