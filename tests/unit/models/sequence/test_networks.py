import pytest
import torch

from lds_mlflow.models.sequence.networks import Decoder, Encoder, lengths_of

TOKENS = torch.tensor([[1, 2, 3, 0, 0], [2, 0, 0, 0, 0], [3, 2, 1, 2, 3], [0, 0, 0, 0, 0]])


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(5, 4, 6, 2)


@pytest.fixture
def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder(5, 4, 6, 2)


def test_a_sequence_is_as_long_as_its_tokens_and_its_end_but_not_longer_than_the_matrix() -> None:
    assert lengths_of(TOKENS).tolist() == [4, 2, 5, 1]


def test_what_is_read_of_a_sequence_depends_on_no_other_and_not_on_what_follows_its_end(encoder: Encoder) -> None:
    together = torch.cat(encoder(TOKENS), 1)
    for row, tokens in enumerate(TOKENS):
        alone = torch.cat(encoder(torch.nn.functional.pad(tokens[None], (0, 3))), 1)
        # The last of the matrix has no room for its end there.
        if row != 2:
            torch.testing.assert_close(alone[0], together[row])


def test_both_directions_are_read(encoder: Encoder) -> None:
    forwards, backwards = torch.tensor([[1, 2, 3, 0]]), torch.tensor([[3, 2, 1, 0]])
    assert not torch.allclose(encoder(forwards)[0], encoder(backwards)[0])


def test_the_logits_of_a_token_depend_on_those_before_it_alone(decoder: Decoder) -> None:
    z = torch.randn(4, 2)
    changed = TOKENS.clone()
    changed[2, 3] = 1
    logits, others = decoder(z, TOKENS), decoder(z, changed)
    torch.testing.assert_close(logits[2, :4], others[2, :4])
    assert not torch.allclose(logits[2, 4], others[2, 4])
    assert logits.shape == (4, 5, 5)


def test_many_sequences_keep_their_order(decoder: Decoder) -> None:
    z, lengths = torch.randn(40, 2), torch.randint(1, 6, (40, 1))
    tokens = torch.randint(1, 4, (40, 5)).masked_fill(torch.arange(5) >= lengths, 0)
    together = decoder(z, tokens)
    for row in (0, 17, 39):
        n, alone = lengths_of(tokens[row : row + 1]), decoder(z[row : row + 1], tokens[row : row + 1])
        torch.testing.assert_close(alone[0, :n], together[row, :n])


def test_what_is_written_is_the_likeliest_token_at_each_step_and_nothing_after_the_end(decoder: Decoder) -> None:
    torch.nn.init.normal_(decoder.logits.weight, std=3)
    z = 3 * torch.randn(30, 2)
    written = decoder.write(z, 6)
    assert written.shape == (30, 6)
    assert int(written.max()) < 4
    ended = (written == 0).cumsum(1) > 0
    assert not written[ended].any()
    logits = decoder(z, written)[:, :, :-1]
    within = torch.arange(6) < lengths_of(written)[:, None]
    assert torch.equal(logits.argmax(2)[within], written[within])


def test_what_is_written_of_a_latent_depends_on_no_other(decoder: Decoder) -> None:
    z = torch.randn(8, 2)
    assert torch.equal(decoder.write(z, 6)[3:5], decoder.write(z.roll(-3, 0), 6)[:2])
