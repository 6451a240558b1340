"""What a job's study says in optuna-dashboard in words: its note."""

from __future__ import annotations

from collections.abc import Mapping

from storage.records import Configuration, Job, spell
from tuner.commands import command, counted
from tuner.space import Space

_AS_IT_IS = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_{}[]<>()#+-.!|~$&:"})


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is, on one line."""
    return " ".join(text.split()).translate(_AS_IT_IS)


def opening(job: Job) -> str:
    """Return the note of a job that is being carried out, in Markdown."""
    training, holdout = (sum(member.part == part for member in job.members) for part in ("training", "holdout"))
    return (
        f"## {plain(job.name)}\n\n"
        f"{plain(', '.join(job.solvers))} on {plain(job.folder)}: {counted(training, 'model')} to tune on, {holdout} "
        f"held out; cost {job.cost}, cutoff {job.cutoff:g} s, budget {job.budget:g} s, seed {job.seed}\n\n"
        "Each trial is a configuration; its value is the mean difference from the default in the logarithm of the "
        "cost: below zero is better. The verdict comes from the models that were held out, which no trial has seen.\n\n"
        f"Where the job stands: {plain(command('show', job.name))}\n"
    )


def closing(job: Job, outcome: str, report: str, best: Configuration, space: Space) -> str:
    """Return the note of a job with its verdict, in Markdown.

    Args:
        job: with its members.
        outcome: of its verdict.
        report: the verdict in words.
        best: the configuration that it recommends.
        space: of that one's solver.

    """
    fixed = dict(space.fixed)
    known = {own.name: (spell(own.own_default), own.meaning) for own in space.parameters}
    known |= dict.fromkeys(fixed, ("", "fixed in every run"))
    cells = [(name, spell(value), *known.get(name, ("", ""))) for name, value in best.parameters]
    rows = [f"| {' | '.join(map(plain, row))} |" for row in cells]
    table = ["| parameter | value | default | meaning |", "| --- | --- | --- | --- |", *rows, ""] if rows else []
    return "\n".join([f"**{plain(outcome)}.** {plain(report)}", "", *table, opening(job)])


def solved_note(job: Job, sentence: str, rows: Mapping[str, str]) -> str:
    """Return the note of a job that has solved a bilevel problem, or was stopped at it, in Markdown.

    Args:
        job: what was handed in.
        sentence: the answer in words.
        rows: what else there is to say of it, by what it is about.

    """
    table = [f"| {plain(name)} | {plain(text)} |" for name, text in rows.items()]
    return (
        f"## {plain(job.name)}\n\n{plain(sentence)}\n\n"
        + "\n".join(["| | |", "| --- | --- |", *table])
        + "\n\nEach trial is a choice of the leader that the follower has answered.\n\n"
        f"Where the job stands: {plain(command('show', job.name))}\n"
    )
