"""The first schema: everything."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "configurations",
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("solver", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_configurations")),
    )
    op.create_table(
        "instances",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("columns", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("nonzeros", sa.BigInteger(), nullable=False),
        sa.Column("integers", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_instances_sha256")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_instances")),
    )
    op.create_table(
        "configuration_parameters",
        sa.Column("configuration", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "type IN ('boolean', 'integer', 'float', 'text')", name=op.f("ck_configuration_parameters_type")
        ),
        sa.ForeignKeyConstraint(
            ["configuration"], ["configurations.key"], name=op.f("fk_configuration_parameters_configuration")
        ),
        sa.PrimaryKeyConstraint("configuration", "name", name=op.f("pk_configuration_parameters")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("holdout", sa.Text(), nullable=False),
        sa.Column("cost", sa.Text(), nullable=False),
        sa.Column("ties", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.Double(), nullable=False),
        sa.Column("budget", sa.Double(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("gap", sa.Double(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("spent", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("best", sa.String(length=16)),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("owner_host", sa.Text()),
        sa.Column("owner_machine", sa.Text()),
        sa.Column("owner_pid", sa.BigInteger()),
        sa.Column("owner_started", sa.BigInteger()),
        sa.Column("owned_since", sa.DateTime()),
        sa.Column("owned_until", sa.DateTime()),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'interrupted', 'finished', 'failed')", name=op.f("ck_jobs_state")
        ),
        sa.CheckConstraint("budget > 0", name=op.f("ck_jobs_budget")),
        sa.CheckConstraint("cutoff > 0", name=op.f("ck_jobs_cutoff")),
        sa.CheckConstraint("memory_mib > 0", name=op.f("ck_jobs_memory_mib")),
        sa.CheckConstraint("slots > 0", name=op.f("ck_jobs_slots")),
        sa.ForeignKeyConstraint(["best"], ["configurations.key"], name=op.f("fk_jobs_best")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("name", name=op.f("uq_jobs_name")),
    )
    op.create_table(
        "comparisons",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("candidate", sa.String(length=16), nullable=False),
        sa.Column("baseline", sa.String(length=16), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("ratio", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("candidate_solved", sa.Integer(), nullable=False),
        sa.Column("baseline_solved", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["baseline"], ["configurations.key"], name=op.f("fk_comparisons_baseline")),
        sa.ForeignKeyConstraint(["candidate"], ["configurations.key"], name=op.f("fk_comparisons_candidate")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_comparisons_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparisons")),
        sa.UniqueConstraint(
            "job_id", "candidate", "baseline", "measure", name=op.f("uq_comparisons_job_id_candidate_baseline_measure")
        ),
    )
    op.create_table(
        "events",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("elapsed", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_events_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_job_id"), "events", ["job_id"], unique=False)
    op.create_table(
        "incumbents",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("configuration", sa.String(length=16), nullable=False),
        sa.Column("elapsed", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("default_cost", sa.Double(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["configuration"], ["configurations.key"], name=op.f("fk_incumbents_configuration")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_incumbents_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incumbents")),
    )
    op.create_index(op.f("ix_incumbents_job_id"), "incumbents", ["job_id"], unique=False)
    op.create_table(
        "job_members",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("part IN ('training', 'holdout')", name=op.f("ck_job_members_part")),
        sa.ForeignKeyConstraint(["instance"], ["instances.sha256"], name=op.f("fk_job_members_instance")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_members_job_id")),
        sa.PrimaryKeyConstraint("job_id", "instance", name=op.f("pk_job_members")),
        sa.UniqueConstraint("job_id", "position", name=op.f("uq_job_members_job_id_position")),
    )
    op.create_table(
        "job_solvers",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("solver", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_solvers_job_id")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_solvers")),
        sa.UniqueConstraint("job_id", "solver", name=op.f("uq_job_solvers_job_id_solver")),
    )
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("configuration", sa.String(length=16), nullable=False),
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("cutoff", sa.Double(), nullable=False),
        sa.Column("run_limit", sa.Double(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("termination", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("checked", sa.Text(), nullable=False),
        sa.Column("objective", sa.Double()),
        sa.Column("bound", sa.Double()),
        sa.Column("gap", sa.Double()),
        sa.Column("cpu", sa.Double(), nullable=False),
        sa.Column("wall", sa.Double(), nullable=False),
        sa.Column("solver_wall", sa.Double()),
        sa.Column("peak_mib", sa.Double()),
        sa.Column("nodes", sa.BigInteger()),
        sa.Column("iterations", sa.BigInteger()),
        sa.Column("work", sa.Double()),
        sa.Column("integral", sa.Double()),
        sa.Column("raw_status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("elapsed", sa.Double(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("checked IN ('confirmed', 'refuted', 'unconfirmed')", name=op.f("ck_runs_checked")),
        sa.CheckConstraint(
            "claim IN ('optimal', 'feasible', 'infeasible', 'unbounded', 'nothing')", name=op.f("ck_runs_claim")
        ),
        sa.CheckConstraint("purpose IN ('race', 'holdout')", name=op.f("ck_runs_purpose")),
        sa.CheckConstraint(
            "termination IN ('exited', 'cutoff', 'memory', 'crashed', 'killed')", name=op.f("ck_runs_termination")
        ),
        sa.CheckConstraint("cutoff > 0", name=op.f("ck_runs_cutoff")),
        sa.CheckConstraint("run_limit > 0", name=op.f("ck_runs_run_limit")),
        sa.ForeignKeyConstraint(["configuration"], ["configurations.key"], name=op.f("fk_runs_configuration")),
        sa.ForeignKeyConstraint(
            ["job_id", "instance"], ["job_members.job_id", "job_members.instance"], name=op.f("fk_runs_job_id_instance")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("job_id", "configuration", "instance", "seed", "run_limit", "purpose", name="uq_runs_run"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_job_id_id", "runs", ["job_id", "id"], unique=False)
