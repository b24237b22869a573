"""The browser in which tests look at pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["needs_chromium", "require_chromium", "running_browser"]

_CHROMIUM = shutil.which("chromium")

_MISSING = "chromium isn't installed (Debian: apt install chromium)"

needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason=_MISSING)


def require_chromium() -> None:
    """Skips the rest of a test where there is no chromium."""
    if _CHROMIUM is None:
        pytest.skip(_MISSING)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Starts chromium without a window, which plays sound that nobody has clicked on, and closes it at the end."""
    arguments = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=_CHROMIUM, args=arguments)
        yield found
        found.close()
