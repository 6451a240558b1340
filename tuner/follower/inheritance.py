"""What processes that read or solve what users sent inherit from this one: a few variables, and nothing else.

The environment of a server or worker has secrets in it (the store's URL with its password, tokens, those of other
programs), so variables are allowed by name; the rest stays here.
"""

from __future__ import annotations

import os
import sys

ALLOWED = (
    *("PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "TZ", "TZDIR", "LANG", "LANGUAGE"),
    *("PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE"),
    *("GLIBC_TUNABLES", "MALLOC_ARENA_MAX"),
)
"""Where programs, libraries and temporary files are, which language is spoken, and how memory is allocated."""
LOCALE = "LC_"
"""What the other variables begin with that say which language is spoken."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def clean_environment() -> dict[str, str]:
    """Return the environment of a process that reads or solves what users sent.

    It has what `ALLOWED` and `LOCALE` let through, one thread for numerical libraries, and finds the same modules.
    """
    passed = {name: value for name, value in os.environ.items() if name in ALLOWED or name.startswith(LOCALE)}
    modules = os.pathsep.join(path for path in sys.path if path)
    return {**passed, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": modules}
