"""``tuner`` as if a family had never been recorded, for `peers`: python -m bench._tune FAMILY tune FOLDER ..."""

from __future__ import annotations

import sys
from functools import partial

import tuner.leader.shipped
from bench.prior import knowledge_without
from tuner.cli import entry


def main() -> None:
    family = sys.argv.pop(1)
    tuner.leader.shipped.shipped = partial(knowledge_without, family)
    entry()


if __name__ == "__main__":
    main()
