"""The commands that delete jobs, instance sets and models, and list the sets: delete, sets."""

from __future__ import annotations

import argparse
import re
from datetime import datetime

from tuner.app.views import View
from tuner.cli.stored import viewed
from tuner.cli.words import print_json, print_table, put
from tuner.errors import NotFound, UsageError


def delete(arguments: argparse.Namespace) -> int:
    """Delete a job, an instance set or a model."""
    wanted = {"job": arguments.job, "set": arguments.set, "model": arguments.model}
    named = {what: name for what, name in wanted.items() if name is not None}
    if len(named) != 1:
        raise UsageError("name one thing to delete: a JOB, or --set NAME, or --model SHA256")
    ((what, name),) = named.items()
    if arguments.cancel and what != "job":
        raise UsageError("--cancel: only jobs can be cancelled")
    if what == "model" and not re.fullmatch("[0-9a-f]{64}", name):
        raise UsageError(f"--model {name}: the SHA-256 of its unpacked content is needed, 64 hexadecimal digits")
    with viewed(arguments) as view:
        if what == "job":
            name = view.show(name)["name"]
            view.delete(name, arguments.cancel)
        elif what == "set":
            view.delete_set(number_of(view, name))
        else:
            view.delete_model(name)
    if arguments.json:
        print_json({"deleted": {what: name}})
    else:
        put(f"{what} {name} is deleted")
    return 0


def sets(arguments: argparse.Namespace) -> int:
    """List the instance sets."""
    with viewed(arguments) as view:
        found = view.sets()
    if arguments.json:
        print_json(found)
        return 0
    rows = [
        (
            str(each["id"]),
            each["name"],
            each["owner"],
            str(each["models"]),
            f"{datetime.fromisoformat(each['created_at']).astimezone():%Y-%m-%d %H:%M}",
        )
        for each in found
    ]
    print_table(("set", "name", "owner", "models", "made"), rows, right=("set", "models"))
    return 0


def number_of(view: View, reference: str) -> int:
    """Return the number of the instance set with this number, or else with this name.

    The number goes first, because messages and the table say it: sets of earlier versions may be called as others'
    numbers.

    Raises:
        NotFound: there is none.
        UsageError: several have the name.

    """
    found = view.sets()
    if reference in {str(each["id"]) for each in found}:
        return int(reference)
    numbers = [int(each["id"]) for each in found if each["name"] == reference]
    if len(numbers) > 1:
        raise UsageError(
            f"--set {reference}: several sets have that name; name one by number: {', '.join(map(str, numbers))}"
        )
    if not numbers:
        raise NotFound(f"there is no instance set {reference!r}; all are listed by", "sets")
    return numbers[0]
