"""What the command line understands: every command with its options, meaning and examples."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from instances.visible import escaped
from tuner.cost import Cost, Ties

EXIT_CODES = """exit codes:
  0    done; for tune, resume and submit --watch: a gain was proven; for a bilevel problem: the answer is proven;
       for advise: there is advice
  2    the request is wrong: an unknown option, value, unit, solver or parameter, or models that cannot be used
  3    the job or file that was named does not exist
  4    tune, resume and submit --watch: the default is kept, no gain could be proven; for a bilevel problem: the answer
       is not proven; for advise: nothing is known
  5    it failed: the message says what to mend
  130  interrupted; tuner resume goes on
"""

STORE_HELP = "where results are kept: sqlite:///FILE or postgresql://... (default: $TUNER_STORE or sqlite:///tuner.db)"

SERVER_HELP = "a tuner server in place of a store (default: $TUNER_SERVER); its token is in $TUNER_TOKEN"


class Parser(argparse.ArgumentParser):
    """An argument parser that shows examples as they were written, and spells out hidden characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(escaped(message), file)


def build() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="tuner",
        description="Finds the MILP solver and parameters that solve a folder of models faster, and proves the gain\n"
        "on models it has not seen. Start with: tuner tune FOLDER",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"tuner {version('tuner')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)

    def command(name: str, meaning: str, *examples: str) -> Parser:
        added: Parser = commands.add_parser(
            name,
            help=meaning,
            description=meaning[0].upper() + meaning[1:] + ".",
            epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        )
        return added

    _tuning(command)
    _reading(command)
    _holding(command)
    _solving(command)
    _serving(command)
    return parser


def _store(parser: Parser) -> None:
    parser.add_argument("--store", metavar="URL", help=STORE_HELP)


def _viewing(parser: Parser) -> None:
    _store(parser)
    parser.add_argument("--server", metavar="URL", help=SERVER_HELP)


def _job(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", help="the name or number of a job, as tuner jobs lists them")
    _viewing(parser)


def _json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _scenario(parser: Parser) -> None:
    parser.add_argument(
        "--solver", metavar="S", help="highs, cp-sat, scip, or any: choose the solver too (default: any)"
    )
    parser.add_argument(
        "--budget",
        metavar="T",
        help="time for the whole job, from its first run on, such as 90s, 10m, 2h (default: 10m)",
    )
    parser.add_argument("--cutoff", metavar="T", help="time for one run (default: 30s)")
    costs = ", ".join(cost.value for cost in Cost)
    parser.add_argument("--cost", metavar="C", help=f"what is minimised: {costs} (default: par10, CPU seconds)")
    ties = ", ".join(tie.value for tie in Ties)
    parser.add_argument("--ties", metavar="T", help=f"over solver seeds, assume: {ties} (default: mean)")
    parser.add_argument("--holdout", metavar="H", help="fraction of the models held out, or a folder (default: 0.3)")
    parser.add_argument("--slots", metavar="N", help="runs at a time (default: one per core)")
    parser.add_argument(
        "--memory",
        metavar="M",
        help="for one run, such as 512MiB, 4GiB, beyond the 40 MiB or so of its warm process (default: 2GiB)",
    )
    parser.add_argument(
        "--gap", metavar="G", help="relative gap that counts as optimal, for every solver (default: 1e-4)"
    )
    parser.add_argument("--seed", metavar="N", help="of the choices and of the split (default: 0)")
    parser.add_argument(
        "--reuse",
        action=argparse.BooleanOptionalAction,
        help="start from what earlier jobs in the store, executed on the same kind of machine, have shown (default for "
        "tune: yes; for submit: as the server decides)",
    )
    parser.add_argument(
        "--fix",
        metavar="NAME=VALUE",
        action="append",
        help="a parameter has this value in every run, the default's too, and is not searched; SOLVER:NAME=VALUE for "
        "one solver of several; may be repeated",
    )
    parser.add_argument(
        "--base",
        metavar="FILE",
        help="your own settings, with which the verdict compares, too: HiGHS options, a SCIP .set file, a CP-SAT text "
        "proto, or JSON as tuner best --json prints it",
    )
    parser.add_argument(
        "--target",
        metavar="N",
        help="end the race once the incumbent is surely so many times better than the default, such as 3x; the verdict "
        "follows",
    )
    parser.add_argument(
        "--stop-after", metavar="T", help="end the race when no new incumbent came for so long, such as 20m"
    )
    parser.add_argument("--name", metavar="NAME", help="what to call the job (default: the folder's name)")


def _tuning(command: Callable[..., Parser]) -> None:
    tune = command(
        "tune",
        "tune the solver for a folder of models and say whether it pays",
        "tuner tune models/",
        "tuner tune models/ --solver highs --budget 1h --cutoff 2m",
        "tuner tune models/ --holdout other-models/ --cost gap --cutoff 60s",
        "tuner tune scenario.toml --budget 20m        # a scenario file; flags override it",
    )
    tune.add_argument(
        "folder", metavar="FOLDER", help="a folder of .mps and .lp models, or a scenario file: .toml or .json"
    )
    _scenario(tune)
    tune.add_argument("--space", metavar="FILE", help="a TOML file of parameters to add to the built-in spaces")
    tune.add_argument("--out", metavar="DIR", help="where report and parameter files go (default: tuner-NAME)")
    _store(tune)
    _json(tune)

    advise = command(
        "advise",
        "say which configurations are expected to help on a folder of models, in seconds and without solving any",
        "tuner advise models/",
        "tuner advise models/ --solver highs --json",
    )
    advise.add_argument("folder", metavar="FOLDER", help="a folder of .mps and .lp models")
    advise.add_argument("--solver", metavar="S", default="any", help="highs, cp-sat, scip, or any (default: any)")
    advise.add_argument(
        "--reuse",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="count earlier jobs in the store, executed on the same kind of machine, as knowledge (default: yes)",
    )
    _store(advise)
    _json(advise)

    resume = command("resume", "go on with a job that was interrupted", "tuner resume models", "tuner resume 3 --json")
    _job(resume)
    resume.add_argument("--out", metavar="DIR", help="where report and parameter files go (default: tuner-NAME)")
    _json(resume)


def _reading(command: Callable[..., Parser]) -> None:
    jobs = command("jobs", "list the jobs in the store", "tuner jobs", "tuner jobs --json")
    _viewing(jobs)
    _json(jobs)

    show = command("show", "show a job: where it stands, its trajectory, its verdict", "tuner show models")
    _job(show)
    _json(show)

    best = command("best", "print the best configuration of a job", "tuner best models", "tuner best models --json")
    _job(best)
    _json(best)

    responses = command(
        "responses",
        "print the response data of every run of a job",
        "tuner responses models",
        "tuner responses models --csv > runs.csv",
        "tuner responses models --part holdout --configuration best --json",
    )
    _job(responses)
    form = responses.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print comma-separated values, every column")
    form.add_argument("--json", action="store_true", help="print JSON instead of text")
    responses.add_argument("--part", choices=["training", "holdout"], help="only runs on these instances")
    responses.add_argument("--instance", metavar="NAME", help="only runs on this instance")
    responses.add_argument("--configuration", metavar="C", help="only runs of this: a key from the table, or best")

    export = command(
        "export",
        "print the best configuration as the solver's own parameter file, or as Python",
        "tuner export models > highs.options      # highs --options_file highs.options model.mps",
        "tuner export models --python > reproduce.py",
        "tuner export models --files --out results/   # report.html and all that tune wrote, anew",
    )
    _job(export)
    what = export.add_mutually_exclusive_group()
    what.add_argument("--python", action="store_true", help="a Python script that solves a model this way")
    what.add_argument(
        "--files",
        action="store_true",
        help="write report, parameter file and Python script of a finished job anew, as tune did",
    )
    export.add_argument("--configuration", metavar="C", help="another one: a key from tuner responses, or best")
    export.add_argument(
        "--out",
        metavar="PATH",
        help="write to this file instead of standard output; with --files, into this folder (default: tuner-NAME)",
    )


def _holding(command: Callable[..., Parser]) -> None:
    for name, meaning in (
        ("pause", "have a job that a server was handed stopped until it is resumed"),
        ("cancel", "have a job that a server was handed stopped for good"),
    ):
        hold = command(name, meaning, f"tuner {name} models --server https://tuner.example.com")
        _job(hold)
        _json(hold)

    delete = command(
        "delete",
        "delete a job with all that it has, an instance set, or a model",
        "tuner delete models",
        "tuner delete models --cancel                     # also if it is running",
        "tuner delete --set spring --server https://tuner.example.com",
    )
    delete.add_argument("job", metavar="JOB", nargs="?", help="the name or number of a job, as tuner jobs lists them")
    delete.add_argument("--cancel", action="store_true", help="cancel the job first if it is running")
    delete.add_argument("--set", metavar="NAME", help="an instance set that no job uses: its name, or its number")
    delete.add_argument("--model", metavar="SHA256", help="a model that is in no instance set")
    _viewing(delete)
    _json(delete)

    sets = command("sets", "list the instance sets that were sent to a server", "tuner sets", "tuner sets --json")
    _viewing(sets)
    _json(sets)


def _solving(command: Callable[..., Parser]) -> None:
    execute = command(
        "execute",
        "execute one run and print its whole response",
        "tuner execute model.mps.gz --solver highs",
        "tuner execute model.mps --solver scip --set separating/maxrounds=0 --seed 7 --cutoff 10s",
    )
    execute.add_argument("instance", metavar="INSTANCE", help="a .mps or .lp file, plain or packed")
    execute.add_argument("--solver", metavar="S", required=True, help="highs, cp-sat or scip")
    execute.add_argument("--set", metavar="K=V", action="append", default=[], help="a parameter; may be repeated")
    execute.add_argument("--seed", metavar="N", default="0", help="of the solver (default: 0)")
    execute.add_argument("--cutoff", metavar="T", default="30s", help="time for the run (default: 30s)")
    execute.add_argument(
        "--memory",
        metavar="M",
        default="2GiB",
        help="for the run, beyond the 40 MiB or so of its warm process (default: 2GiB)",
    )
    execute.add_argument(
        "--gap", metavar="G", default="1e-4", help="relative gap that counts as optimal (default: 1e-4)"
    )
    _json(execute)

    params = command(
        "params",
        "list a solver's parameters with default, range and meaning",
        "tuner params highs",
        "tuner params scip --all --json",
    )
    params.add_argument("solver", metavar="SOLVER", help="highs, cp-sat or scip")
    params.add_argument("--all", action="store_true", help="every parameter the solver has, not only the tuned ones")
    _json(params)

    generate = command(
        "generate",
        "write seeded random models of a family",
        "tuner generate set-cover 30 models/ --seed 1",
        "tuner generate --list",
    )
    generate.add_argument("family", metavar="FAMILY", nargs="?", help="such as set-cover; --list names them all")
    generate.add_argument("count", metavar="N", nargs="?", help="how many models")
    generate.add_argument("folder", metavar="DIR", nargs="?", help="where to write them; made if missing")
    generate.add_argument("--seed", metavar="N", default="0", help="the same seed gives the same models (default: 0)")
    generate.add_argument("--size", metavar="X", default="1", help="times the family's usual size (default: 1)")
    generate.add_argument("--list", action="store_true", help="list the families")

    solve = command(
        "solve",
        "solve a bilevel problem: the best choice of a leader whose follower answers by its own objective",
        "tuner solve --example toll --ties pessimistic",
        "tuner solve network.toml --budget 10m",
        "tuner solve model.mps                            # with model.aux beside it",
        "tuner solve --example interdiction --size 20 --seed 1 --json",
        "tuner solve --example toll --write toll.json     # to be edited",
        "tuner solve --example toll --at A=5.99           # the follower's response to one choice",
    )
    solve.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="a .toml or .json file with a kind, or a model with an .aux file beside it",
    )
    solve.add_argument(
        "--example",
        metavar="KIND",
        help="toll, contract, interdiction, interdiction-path or -flow, configuration",
    )
    solve.set_defaults(out=None)
    solve.add_argument("--size", metavar="N", help="of a random example: nodes, retailers, items, or models")
    solve.add_argument(
        "--ties",
        metavar="T",
        help="of several optimal answers, assume the best or the worst: optimistic, pessimistic (default: optimistic; "
        "of configurations, also mean, which is the default)",
    )
    solve.add_argument("--solver", metavar="S", help="of the follower: highs, cp-sat or scip (default: highs)")
    solve.add_argument("--budget", metavar="T", help="time for the whole (default: 10m)")
    solve.add_argument("--cutoff", metavar="T", help="of configurations: time for one run")
    solve.add_argument("--slots", metavar="N", help="responses at a time (default: one per core)")
    solve.add_argument("--seed", metavar="N", help="of the solvers, and of a random example (default: 0)")
    solve.add_argument(
        "--at",
        metavar="K=V",
        action="append",
        default=[],
        help="only answer this choice; one for each variable (of configurations, for what differs from the default)",
    )
    solve.add_argument("--plot", metavar="FILE", help="draw F over x, for one or two variables of the leader, as .svg")
    solve.add_argument("--write", metavar="FILE", help="only write the problem, as .json")
    solve.add_argument("--name", metavar="NAME", help="what to call the job (default: the problem's name)")
    _store(solve)
    _json(solve)

    doctor = command("doctor", "say what works here: versions, cores, limits, the store", "tuner doctor")
    _store(doctor)
    _json(doctor)


def _limiting(serve: Parser) -> None:
    """Add the limits of connections; their defaults are those of `tuner.service.connections.Limits`."""
    for name, default, meaning in (
        ("header", "10s", "until the header of a request must be there"),
        ("body", "30s", "in which 100 bytes a second of a request's body must arrive"),
        ("idle", "30s", "between two requests, after which a connection is closed"),
        ("read", "60s", "in which a client must read something of its answer"),
    ):
        serve.add_argument(f"--{name}-timeout", metavar="T", default=default, help=f"{meaning} (default: {default})")
    serve.add_argument("--connections", metavar="N", default="1000", help="at a time, in all (default: 1000)")
    serve.add_argument(
        "--connections-per-address",
        metavar="N",
        default="200",
        help="at a time; behind a proxy on this machine, or in $FORWARDED_ALLOW_IPS, requests of an address that it "
        "forwards (default: 200)",
    )


def _serving(command: Callable[..., Parser]) -> None:
    serve = command(
        "serve",
        "serve jobs over HTTP, with a worker beside it",
        "tuner serve",
        "tuner serve --host 0.0.0.0 --name tuner.example.com --store postgresql://tuner@host/tuner",
    )
    serve.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="to listen on (default: 127.0.0.1, this machine only)"
    )
    serve.add_argument("--port", metavar="N", default="8000", help="to listen on (default: 8000)")
    serve.add_argument(
        "--name",
        metavar="HOST",
        action="append",
        default=[],
        help="by which it is called; requests that name another host are refused",
    )
    serve.add_argument("--tokens", action="store_true", help="ask for tokens on this machine, too")
    serve.add_argument(
        "--reuse",
        action="store_true",
        help="start jobs from earlier jobs of their owner unless they say otherwise (default: only those that say so)",
    )
    limits = serve.add_argument_group("limits for one owner, kept in the store for all of its servers and workers")
    for name, value, meaning in (
        ("jobs", "N", "unfinished jobs (default: 1000)"),
        ("priority", "N", "highest priority of a job (default: no limit)"),
        ("budget", "T", "longest budget of a job, such as 2h (default: no limit)"),
        ("stored", "SIZE", "models and problems, such as 10GiB (default: no limit)"),
        ("slots", "N", "runs at a time over all jobs and workers (default: no limit)"),
    ):
        limits.add_argument(f"--max-{name}", metavar=value, help=f"{meaning}; none for no limit")
    serve.add_argument("--without-worker", action="store_true", help="carry out nothing: workers are elsewhere")
    _working(serve)
    _limiting(serve)

    work = command(
        "work",
        "carry out the jobs that a server was handed",
        "tuner work --store postgresql://tuner@host/tuner",
        "tuner work --store sqlite:///tuner.db --slots 4",
    )
    work.add_argument("--until-idle", action="store_true", help="end when no job waits")
    _working(work)

    submit = command(
        "submit",
        "hand a folder of models, or a bilevel problem, in to a server",
        "tuner submit models/ --server https://tuner.example.com",
        "tuner submit models/ --solver highs --budget 1h --watch",
        "tuner submit network.toml --ties pessimistic --watch     # a bilevel problem, as tuner solve takes it",
        "tuner submit model.mps                                   # with model.aux beside it",
    )
    submit.add_argument(
        "folder",
        metavar="FOLDER",
        help="a folder of .mps and .lp models, a scenario file, or a bilevel problem: a .toml or .json file with a "
        "kind, or a model with an .aux file beside it",
    )
    _scenario(submit)
    submit.add_argument("--priority", metavar="N", default="0", help="jobs with a higher one go first (default: 0)")
    submit.add_argument("--watch", action="store_true", help="follow the job to its end, also when the server restarts")
    submit.add_argument("--server", metavar="URL", help=SERVER_HELP)
    _json(submit)

    token = command(
        "token",
        "make, list or revoke the tokens that a server asks for",
        "tuner token create laptop --owner ann --scope submit",
        "tuner token list",
        "tuner token revoke 3",
    )
    token.add_argument("what", choices=["create", "list", "revoke"], help="what to do")
    token.add_argument("name", metavar="NAME", nargs="?", help="what it is made for; to revoke it, its number")
    token.add_argument("--owner", metavar="WHO", help="whose jobs it hands in and sees (default: NAME)")
    token.add_argument("--scope", metavar="S", default="submit", help="read, submit or admin (default: submit)")
    _store(token)
    _json(token)


def _working(parser: Parser) -> None:
    parser.add_argument(
        "--slots", metavar="N", help="runs at a time on this host, over all of its workers (default: one per core)"
    )
    parser.add_argument(
        "--folder", metavar="DIR", default="tuner-work", help="where models are laid (default: tuner-work)"
    )
    parser.add_argument(
        "--folder-limit",
        metavar="SIZE",
        default="50GiB",
        help="what the models of a job may take there (default: 50GiB; none for no limit)",
    )
    _store(parser)
