"""The words of every notice: events in, plain sentences out. Knows no channel and no layout."""

from notifications.wording.compose import NAMES, compose

__all__ = ["NAMES", "compose"]
