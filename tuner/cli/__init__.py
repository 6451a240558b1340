"""The command line: parses, calls the application, prints: data to standard output, all else to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from storage.errors import JobBusy, JobHeld, JobOver, NameTaken, StoreError, UnknownJob, UnknownSet, UnknownToken
from tuner.cli.hints import told
from tuner.cli.interrupts import obey
from tuner.cli.parser import build
from tuner.cli.words import complain
from tuner.errors import TunerError

# Before numpy is imported: its threads would compute on the cores that solvers are measured on.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

HANDLERS = {
    "tune": "tuning",
    "resume": "tuning",
    "advise": "advising",
    "jobs": "stored",
    "show": "stored",
    "best": "stored",
    "responses": "stored",
    "export": "stored",
    "pause": "stored",
    "cancel": "stored",
    "delete": "deleting",
    "sets": "deleting",
    "execute": "solving",
    "params": "solving",
    "generate": "solving",
    "solve": "bilevel",
    "serve": "serving",
    "work": "serving",
    "submit": "submitting",
    "token": "serving",
    "doctor": "solving",
}
"""The module of this package that has the command's function, imported only when the command is given."""


def main(words: Sequence[str]) -> int:
    """Execute one command and return its exit code; errors are printed as one message."""
    parser = build()
    arguments = parser.parse_args(words)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        module = import_module(f"{__name__}.{HANDLERS[arguments.command]}")
        code: int = getattr(module, arguments.command)(arguments)
        sys.stdout.flush()
    except TunerError as error:
        return _fail(told(str(error), error.go_on, arguments), error.exit_code)
    except (UnknownJob, UnknownSet, UnknownToken) as error:
        return _fail(str(error), 3)
    except (NameTaken, JobOver, JobBusy, JobHeld) as error:
        return _fail(str(error), 2)
    except StoreError as error:
        return _fail(str(error), 5)
    except BrokenPipeError:
        # The reader of our output has gone (tuner ... | head): nothing is wrong, but Python must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(str(error), 5)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return code


def entry() -> None:
    """Be the ``tuner`` command."""
    obey()
    sys.exit(main(sys.argv[1:]))


def _fail(message: str, code: int) -> int:
    complain(message)
    return code
