"""The server's log, in which a traceback may quote what strangers sent."""

from __future__ import annotations

import logging

from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import DefaultFormatter

from instances.visible import escaped


class Formatter(DefaultFormatter):
    """Writes records as uvicorn does, hidden characters spelled out and without colours."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return escaped(str(super().format(record)))


def spell_out() -> None:
    """Have every server that is configured from now on write its log so."""
    LOGGING_CONFIG["formatters"]["default"] |= {"()": Formatter, "use_colors": False}
