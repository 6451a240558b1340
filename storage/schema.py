"""The tables: real columns, and constraints that hold whoever writes.

Optuna keeps its own tables in the same database; the names here never clash with those in `OPTUNA_TABLES`. Times are
in UTC. Two columns are not called what the record calls them, because SQL reserves the word: ``run_limit`` is a
run's limit, ``checked`` a response's check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

from storage.records import HELD, Check, Claim, JobKind, JobState, Purpose, Scope, Termination

VERSION = "0013"
"""The newest revision in `storage.migrations`: what this code reads and writes."""

VERSION_TABLE = "tuner_version"

OPTUNA_TABLES = frozenset(
    {
        "alembic_version",
        "studies",
        "study_directions",
        "study_system_attributes",
        "study_user_attributes",
        "trial_heartbeats",
        "trial_intermediate_values",
        "trial_params",
        "trial_system_attributes",
        "trial_user_attributes",
        "trial_values",
        "trials",
        "version_info",
    }
)


class Number(TypeDecorator[float]):
    """A float of which every value survives: SQLite, which makes NULL of NaN, is given the text NaN."""

    impl = Double
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[float | None], float | str | None] | None:
        """Return what makes of a float what the driver is given."""
        return _nan_as_text if dialect.name == "sqlite" else None

    def process_result_value(self, value: float | str | None, dialect: Dialect) -> float | None:
        """Return the float that was stored."""
        return None if value is None else float(value)


def _nan_as_text(value: float | None) -> float | str | None:
    return "NaN" if value is not None and math.isnan(value) else value


class Words(TypeDecorator[str]):
    r"""Text from anywhere, as from a crashed solver: what a database refuses (NUL, half characters) is spelled \x00."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what the driver is given."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class Moment(TypeDecorator[datetime]):
    """A time: aware in Python, UTC without a zone in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what the driver is given."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time that was stored."""
        return None if value is None else value.replace(tzinfo=UTC)


_Id = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER numbers rows by itself in SQLite

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


instances = Table(
    "instances",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("columns", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("nonzeros", BigInteger, nullable=False),
    Column("integers", BigInteger, nullable=False),
    Column("features", Text),
    CheckConstraint("length(sha256) = 64", name="sha256"),
)

configurations = Table(
    "configurations",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("solver", Text, nullable=False),
)

configuration_parameters = Table(
    "configuration_parameters",
    metadata,
    Column("configuration", ForeignKey("configurations.key"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=False),
    _one_of("type", ("boolean", "integer", "float", "text")),
)

models = Table(
    "models",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("suffix", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    CheckConstraint("length(sha256) = 64", name="sha256"),
)

model_owners = Table(
    "model_owners",
    metadata,
    Column("sha256", ForeignKey("models.sha256"), primary_key=True),
    Column("owner", Words, primary_key=True),
    Column("uploaded_at", Moment, nullable=False),
    Column("format", Text),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("touched_at", Moment),
)

model_files = Table(
    "model_files",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("upload", ForeignKey("uploads.id"), index=True),
)
_published = model_files.c.upload.is_(None)
Index("ix_model_files_sha256", model_files.c.sha256, unique=True, sqlite_where=_published, postgresql_where=_published)

model_pieces = Table(
    "model_pieces",
    metadata,
    Column("file", ForeignKey("model_files.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

instance_sets = Table(
    "instance_sets",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("owner", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

instance_set_members = Table(
    "instance_set_members",
    metadata,
    Column("set_id", ForeignKey("instance_sets.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sha256", ForeignKey("models.sha256"), nullable=False, index=True),
    Column("name", Words, nullable=False),
    UniqueConstraint("set_id", "name"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", Words, nullable=False),
    Column("owner", Words, nullable=False),
    Column("scope", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    UniqueConstraint("digest"),
    _one_of("scope", Scope),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", Words, nullable=False),
    Column("state", Text, nullable=False),
    Column("folder", Words, nullable=False),
    Column("holdout", Words, nullable=False),
    Column("cost", Text, nullable=False),
    Column("ties", Text, nullable=False),
    Column("cutoff", Number, nullable=False),
    Column("budget", Number, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("memory_mib", BigInteger, nullable=False),
    Column("gap", Number, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("space", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("spent", Number, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("report", Words, nullable=False),
    Column("best", ForeignKey("configurations.key")),
    Column("token", BigInteger, nullable=False),
    Column("owner_host", Text),
    Column("owner_machine", Text),
    Column("owner_pid", BigInteger),
    Column("owner_started", BigInteger),
    Column("owned_since", Moment),
    Column("owned_until", Moment),
    Column("reuse_upto", BigInteger),
    Column("kind", Text, nullable=False, server_default=JobKind.TUNE.value),
    Column("document", Words, nullable=False, server_default=""),
    Column("problem", Words, nullable=False, server_default=""),
    Column("owner", Words, nullable=False, server_default=""),
    Column("served", Boolean, nullable=False, server_default=false()),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("hold", Text, nullable=False, server_default=""),
    Column("instance_set", ForeignKey("instance_sets.id")),
    Column("finished_at", Moment),
    Column("deleted_at", Moment),
    Column("document_bytes", BigInteger, nullable=False, server_default="0"),
    Column("base", ForeignKey("configurations.key")),
    Column("target", Number),
    Column("stop_after", Number),
    UniqueConstraint("name"),
    _one_of("state", (state for state in JobState if state not in HELD)),
    _one_of("hold", ("", *HELD)),
    CheckConstraint("cutoff > 0", name="cutoff"),
    CheckConstraint("budget > 0", name="budget"),
    CheckConstraint("slots > 0", name="slots"),
    CheckConstraint("memory_mib > 0", name="memory_mib"),
    sqlite_autoincrement=True,  # an id is never used twice: a lease of a job that was deleted is for no other one
)

owner_limits = Table(
    "owner_limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Number, nullable=False),
    _one_of("name", ("jobs", "priority", "budget", "stored", "slots")),
)

owner_usage = Table(
    "owner_usage",
    metadata,
    Column("owner", Words, primary_key=True),
    Column("slot_seconds", Number, nullable=False),
    Column("counted_at", Moment, nullable=False),
)

worker_hosts = Table(
    "worker_hosts",
    metadata,
    Column("host", Words, primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("owner", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
)

job_solvers = Table(
    "job_solvers",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("solver", Text, nullable=False),
    UniqueConstraint("job_id", "solver"),
)

job_fixed = Table(
    "job_fixed",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("configuration", ForeignKey("configurations.key"), primary_key=True),
)

job_members = Table(
    "job_members",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("instance", ForeignKey("instances.sha256"), primary_key=True),
    Column("part", Text, nullable=False),
    Column("name", Words, nullable=False),
    Column("path", Words, nullable=False),
    Column("position", Integer, nullable=False),
    UniqueConstraint("job_id", "position"),
    _one_of("part", ("training", "holdout")),
)

environments = Table(
    "environments",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("host", Words, nullable=False),
    Column("processor", Words, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("software", Words, nullable=False),
    UniqueConstraint("host", "processor", "cores", "software"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("job_id", BigInteger, nullable=False),
    Column("configuration", ForeignKey("configurations.key"), nullable=False),
    Column("instance", String(64), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("cutoff", Number, nullable=False),
    Column("run_limit", Number, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("termination", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("checked", Text, nullable=False),
    Column("objective", Number),
    Column("bound", Number),
    Column("gap", Number),
    Column("cpu", Number, nullable=False),
    Column("wall", Number, nullable=False),
    Column("solver_wall", Number),
    Column("peak_mib", Number),
    Column("nodes", BigInteger),
    Column("iterations", BigInteger),
    Column("work", Number),
    Column("integral", Number),
    Column("raw_status", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("elapsed", Number, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("environment", ForeignKey("environments.id")),
    Column("proven_objective", Number),
    Column("doubt", Words, nullable=False, server_default=""),
    Column("floor", Number),
    ForeignKeyConstraint(["job_id", "instance"], ["job_members.job_id", "job_members.instance"]),
    UniqueConstraint("job_id", "configuration", "instance", "seed", "run_limit", "purpose", name="uq_runs_run"),
    Index("ix_runs_job_id_id", "job_id", "id"),
    Index("ix_runs_job_id_purpose_id", "job_id", "purpose", "id"),
    _one_of("purpose", Purpose),
    _one_of("termination", Termination),
    _one_of("claim", Claim),
    _one_of("checked", Check),
    CheckConstraint("cutoff > 0", name="cutoff"),
    CheckConstraint("run_limit > 0", name="run_limit"),
    sqlite_autoincrement=True,  # an id is never used twice: whoever reads "since id" misses nothing
)

incumbents = Table(
    "incumbents",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False, index=True),
    Column("configuration", ForeignKey("configurations.key"), nullable=False),
    Column("elapsed", Number, nullable=False),
    Column("cost", Number, nullable=False),
    Column("default_cost", Number, nullable=False),
    Column("pairs", Integer, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False, index=True),
    Column("elapsed", Number, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Words, nullable=False),
    Column("stored_at", Moment, nullable=False),
)

comparisons = Table(
    "comparisons",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("candidate", ForeignKey("configurations.key"), nullable=False),
    Column("baseline", ForeignKey("configurations.key"), nullable=False),
    Column("measure", Text, nullable=False),
    Column("ratio", Number, nullable=False),
    Column("low", Number, nullable=False),
    Column("high", Number, nullable=False),
    Column("candidate_solved", Integer, nullable=False),
    Column("baseline_solved", Integer, nullable=False),
    Column("pairs", Integer, nullable=False),
    UniqueConstraint("job_id", "candidate", "baseline", "measure"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("ties", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("value", Number),
    Column("optimistic", Number),
    Column("pessimistic", Number),
    Column("reason", Words, nullable=False),
    Column("cpu", Number, nullable=False),
    Column("wall", Number, nullable=False),
    Column("solver_wall", Number, nullable=False),
    Column("elapsed", Number, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("environment", ForeignKey("environments.id"), nullable=False),
    Index("ix_answers_job_id_id", "job_id", "id"),
    _one_of("ties", ("optimistic", "pessimistic")),
    sqlite_autoincrement=True,
)

answer_choices = Table(
    "answer_choices",
    metadata,
    Column("answer_id", ForeignKey("answers.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Words, nullable=False),
    Column("value", Number, nullable=False),
)

answer_reactions = Table(
    "answer_reactions",
    metadata,
    Column("answer_id", ForeignKey("answers.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("value", Number, nullable=False),
    _one_of("role", ("own", "widest", "optimistic", "pessimistic")),
)

answer_violations = Table(
    "answer_violations",
    metadata,
    Column("answer_id", ForeignKey("answers.id"), primary_key=True),
    Column("name", Words, primary_key=True),
    Column("amount", Number, nullable=False),
)

reaction_names = Table(
    "reaction_names",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Words, nullable=False),
)

brackets = Table(
    "brackets",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("objective", Number),
    Column("bound", Number, nullable=False),
    Column("bound_kind", Text, nullable=False),
    Column("best", ForeignKey("answers.id")),
)
