"""A program that is given as many rows at once as it takes, whatever number is asked for."""

import torch
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError, first_line
from lds_mlflow.models.programs import Program

__all__ = ["RowsProgram"]

_PROBED = 3
"""Rows that a program without a fixed number takes: neither one nor a usual size of a batch."""

_USUAL = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class RowsProgram(nn.Module):
    """Calls a program in chunks of at most as many rows as it takes, and fills those that have too few.

    Args:
        program: The program.
        row: An example of what it maps, [...], by which it is tried out where it says nothing of its rows.
        what: What it is, for errors.
        noise: Maps rows to what the program is given beside them, or None where it takes them alone.

    Raises:
        ArtifactError: It fails for every number of rows that is tried.
    """

    def __init__(self, program: Program, row: Tensor, what: str, noise: nn.Module | None = None) -> None:
        super().__init__()
        self.module, self.what, self.noise = program.module, what, noise
        self.least, self.most = program.rows or self._probed(row)

    @property
    def is_fixed(self) -> bool:
        """Whether it takes one number of rows alone."""
        return self.least == self.most

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps rows, [B, ...], to one or more results of as many rows.

        Raises:
            ArtifactError: The program fails, or gives something other than tensors of as many rows.
        """
        parts = [self._chunk(some) for some in x.split(self.most or len(x))]
        return tuple(torch.cat(results) for results in zip(*parts, strict=True))

    def _chunk(self, x: Tensor) -> tuple[Tensor, ...]:
        filled = torch.cat([x, x[-1:].expand(max(self.least - len(x), 0), *x.shape[1:])])
        try:
            results = self._call(filled)
        except Exception as error:
            raise self._refusal(f"for rows {list(filled.shape)} the error: {first_line(error)}") from error
        if not results:
            raise self._refusal(f"nothing for rows {list(filled.shape)}")
        wrong = [result for result in results if not isinstance(result, Tensor) or result.shape[:1] != filled.shape[:1]]
        if wrong:
            found = list(wrong[0].shape) if isinstance(wrong[0], Tensor) else f"a {type(wrong[0]).__name__}"
            raise self._refusal(f"{found} for rows {list(filled.shape)}")
        return tuple(result[: len(x)].float() for result in results)

    def _call(self, x: Tensor) -> tuple[Tensor, ...]:
        found = self.module(x) if self.noise is None else self.module(x, self.noise(x))
        return tuple(found) if isinstance(found, tuple | list) else (found,)

    @torch.no_grad()
    def _probed(self, row: Tensor) -> tuple[int, int | None]:
        failure: Exception | None = None
        for n in (_PROBED, *_USUAL):
            try:
                self._call(row.expand(n, *row.shape).contiguous())
            except Exception as error:
                failure = failure or error
            else:
                return (1, None) if n == _PROBED else (n, n)
        assert failure is not None
        raise self._refusal(f"for rows {[_PROBED, *row.shape]} the error: {first_line(failure)}")

    def _refusal(self, found: str) -> ArtifactError:
        return ArtifactError(
            self.what,
            found=found,
            expected="a program that maps float32 rows [B, ...] of the shapes that generator.json says to as many rows",
            remedy="Correct the shapes, noise_shape too, or export the program again with a dynamic batch dimension.",
        )
