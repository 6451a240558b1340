"""The command advise."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from textwrap import fill

from storage.records import spell
from tuner.app.advising import Advisory, SolverAdvice, advise_folder, advisory_data
from tuner.app.stores import open_store, store_exists
from tuner.cli.words import print_json, put, sayer
from tuner.commands import command, counted
from tuner.leader.advice import COVERED, Advice, Change

ADVICE, NOTHING = 0, 4
WIDTH, INDENT = 118, "     "


def advise(arguments: argparse.Namespace) -> int:
    """Print which configurations are expected to help."""
    found = _found(arguments)
    if arguments.json:
        print_json({"folder": arguments.folder, **advisory_data(found)})
    else:
        say = sayer()
        for reason in found.left_out:
            say(f"left out: {reason}")
        put(f"{counted(found.models, 'model')}; nothing was solved: these are expectations, not results")
        for each in found.solvers:
            put()
            _print(each)
        put()
        put(f"Proof on your own models: {command('tune', arguments.folder)}")
    return ADVICE if found.is_known else NOTHING


def _found(arguments: argparse.Namespace) -> Advisory:
    if not arguments.reuse or not store_exists(arguments.store):
        return advise_folder(arguments.folder, arguments.solver)
    with open_store(arguments.store) as store:
        return advise_folder(arguments.folder, arguments.solver, store)


def _print(each: SolverAdvice) -> None:
    note = f"Note: {each.remark}." if each.remark else ""
    if not each.configurations:
        put(fill(f"{each.solver}: {each.reason}. {note}".rstrip(), WIDTH, subsequent_indent="  "))
        return
    count = len(each.configurations)
    put(f"{each.solver}: {counted(count, 'configuration')} expected to save time")
    for number, advice in enumerate(each.configurations, 1):
        low, high = advice.interval
        put(
            f"  {number}. {advice.ratio:.2f} of the default's time "
            f"({100 * COVERED:.0f} % interval {low:.2f} to {high:.2f}), "
            f"{counted(len(advice.changes), 'change')}{_shares(advice)}:"
        )
        put(fill(_changes(advice.changes), WIDTH, initial_indent=INDENT, subsequent_indent=INDENT))
    for told in filter(None, (f"On what evidence: {each.evidence}.", note)):
        put(fill(told, WIDTH, initial_indent="  ", subsequent_indent="  "))


def _changes(changes: Sequence[Change]) -> str:
    told = [(f"{change.name} = {spell(change.value)}", f" ({100 * change.share:.0f} %)") for change in changes]
    return ", ".join(change + (share if len(told) > 1 else "") for change, share in told)


def _shares(advice: Advice) -> str:
    return " with their shares of the gain" if len(advice.changes) > 1 else ""
