"""Recurrent networks of sequences of tokens that are numbered: 0 is the end, 1..V are the tokens, V+1 is any other.

Sequences lie in a matrix, [B, L], and end at their first 0, or at the last column.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

__all__ = ["END", "Decoder", "Encoder", "lengths_of"]

END = 0
_AT_ONCE = 16
"""Sequences of similar lengths that a CPU computes together, so that little of the work is on what follows the ends."""


def lengths_of(tokens_BL: Tensor) -> Tensor:
    """Returns the length of each sequence with its end, int64 [B]."""
    return (tokens_BL != END).sum(1).add(1).clamp(max=tokens_BL.shape[1])


def _by_length(lengths_B: Tensor, most: int) -> Iterator[tuple[Tensor, int]]:
    """Yields rows of sequences that are computed together, and the length that holds all of them, at most `most`."""
    if lengths_B.is_cuda:
        # A GPU would wait for the lengths.
        yield torch.arange(len(lengths_B), device=lengths_B.device), most
        return
    for rows in lengths_B.argsort(stable=True).split(_AT_ONCE):
        yield rows, int(lengths_B[rows[-1]])


def _in_order(parts: list[Tensor], rows: list[Tensor]) -> Tensor:
    return torch.cat(parts)[torch.cat(rows).argsort()]


class Encoder(nn.Module):
    """Reads a sequence in both directions, and sums what it has read: a diagonal Gaussian over z.

    Args:
        n_tokens: V + 2.
        embedding: Width of a token's embedding.
        width: Width of the recurrent state of each direction.
        latent_dim: D.
    """

    def __init__(self, n_tokens: int, embedding: int, width: int, latent_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, embedding)
        self.forwards = nn.GRU(embedding, width, batch_first=True)
        self.backwards = nn.GRU(embedding, width, batch_first=True)
        self.mean = nn.Linear(2 * width, latent_dim)
        self.log_variance = nn.Linear(2 * width, latent_dim)

    def forward(self, tokens_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Maps sequences to mu and log sigma^2, each float32 [B, D]."""
        lengths, parts, rows = lengths_of(tokens_BL), [], []
        for some, longest in _by_length(lengths, tokens_BL.shape[1]):
            parts.append(self._read(tokens_BL[some, :longest], lengths[some]))
            rows.append(some)
        read = _in_order(parts, rows)
        return self.mean(read), self.log_variance(read)

    def _read(self, tokens_BL: Tensor, lengths_B: Tensor) -> Tensor:
        place = torch.arange(tokens_BL.shape[1], device=tokens_BL.device)
        is_within = (place < lengths_B[:, None])[..., None]
        # Each is turned round by itself, or what follows its end would be read first.
        turned = tokens_BL.gather(1, (lengths_B[:, None] - 1 - place).clamp(min=0))
        states = torch.cat(
            [
                self.forwards(self.embedding(tokens_BL))[0],
                self.backwards(self.embedding(turned))[0],
            ],
            2,
        )
        return (states * is_within).sum(1) * lengths_B.to(states).rsqrt()[:, None]


class Decoder(nn.Module):
    """Writes a sequence token by token; each step sees z and the token before.

    Args:
        n_tokens: V + 2.
        embedding: Width of a token's embedding.
        width: Width of the recurrent state.
        latent_dim: D.
    """

    def __init__(self, n_tokens: int, embedding: int, width: int, latent_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, embedding)
        self.first = nn.Linear(latent_dim, width)
        self.steps = nn.GRU(embedding + latent_dim, width, batch_first=True)
        self.logits = nn.Linear(width, n_tokens)

    def forward(self, z_BD: Tensor, tokens_BL: Tensor) -> Tensor:
        """Returns the logits of each token when those before it are given, float32 [B, L, V + 2].

        Those that follow an end mean nothing.
        """
        lengths, parts, rows = lengths_of(tokens_BL), [], []
        before = pad(tokens_BL[:, :-1], (1, 0), value=END)
        length = tokens_BL.shape[1]
        for some, longest in _by_length(lengths, length):
            told = z_BD[some, None].expand(-1, longest, -1)
            states, _ = self.steps(
                torch.cat([self.embedding(before[some, :longest]), told], 2), self.first(z_BD[some])[None]
            )
            parts.append(pad(self.logits(states), (0, 0, 0, length - longest)))
            rows.append(some)
        return _in_order(parts, rows)

    def write(self, z_BD: Tensor, length: int) -> Tensor:
        """Returns the sequences of latents, int64 [B, length]: at each step the likeliest token.

        It ends when all have ended; what a sequence is doesn't depend on the others, since none leaves the batch.
        """
        state = self.first(z_BD)[None]
        token = torch.full((len(z_BD),), END, device=z_BD.device)
        has_ended = torch.zeros_like(token, dtype=torch.bool)
        written: list[Tensor] = []
        while len(written) < length and not bool(has_ended.all()):
            step, state = self.steps(torch.cat([self.embedding(token), z_BD], 1)[:, None], state)
            # A token that training has not shown is never written.
            token = self.logits(step[:, 0])[:, :-1].argmax(1).masked_fill(has_ended, END)
            has_ended = has_ended | (token == END)
            written.append(token)
        return pad(torch.stack(written, 1), (0, length - len(written)), value=END)
