"""When Python looks for garbage."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["importing"]


@contextmanager
def importing() -> Iterator[None]:
    """Within it Python looks for no garbage, nor later among what is there at its end.

    Imports make a million objects that last as long as the process, and looking through them again and again takes a
    quarter of the time of importing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        # Libraries count what is left when Python ends, and would complain of it.
        atexit.register(gc.unfreeze)
