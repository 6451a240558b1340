"""An adapter whose import takes as long as the environment says, and is noted in a file."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.followers.misbehaving import TellsItsSurroundings

NOTES, SECONDS = "LC_TUNER_TEST_IMPORTS", "LC_TUNER_TEST_IMPORT_SECONDS"

if NOTES in os.environ:
    with Path(os.environ[NOTES]).open("a", encoding="utf-8") as notes:
        notes.write(f"{os.getpid()}\n")
    time.sleep(float(os.environ.get(SECONDS, "0")))


class Slow(TellsItsSurroundings):
    """What is imported."""
