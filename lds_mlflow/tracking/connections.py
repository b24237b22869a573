"""Connections of the command `serve`, which are closed where no request arrives.

uvicorn bounds their number and how long an answered one stays open, but not how long the head of a request may take, or
the rest of a body that has been answered already. A few clients that never end theirs would hold all connections.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["BoundedConnection"]


class BoundedConnection(H11Protocol):
    """A connection that is closed if the head of a request is not whole in time, or a body goes on after its answer."""

    head_seconds = 10.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._wait_or_not()

    def data_received(self, data: bytes) -> None:
        """Takes a part of a request."""
        super().data_received(data)
        if self.conn.their_state is h11.SEND_BODY and self.conn.our_state in (h11.DONE, h11.MUST_CLOSE):
            self.transport.close()
        self._wait_or_not()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the connection."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def _wait_or_not(self) -> None:
        is_waiting = self.conn.their_state is h11.IDLE
        if is_waiting and self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._give_up)
        elif not is_waiting and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.close()
