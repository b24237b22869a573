"""Durations in words."""

__all__ = ["in_words"]


def in_words(seconds: float) -> str:
    """Returns a duration as people say it: "40 s", "12 min" or "3.5 h"."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
