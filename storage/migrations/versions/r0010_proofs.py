"""What is proven of an answer beyond the tolerances, and that an answer may be disputed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CHECKED = "checked IN ('confirmed', 'refuted', 'unconfirmed', 'disputed')"


def upgrade() -> None:
    """Add both to the runs. SQLite, which changes no constraint, gets the table again."""
    if op.get_bind().dialect.name != "sqlite":
        op.add_column("runs", sa.Column("proven_objective", sa.Double()))
        op.add_column("runs", sa.Column("doubt", sa.Text(), nullable=False, server_default=""))
        op.drop_constraint("ck_runs_checked", "runs")
        op.create_check_constraint(op.f("ck_runs_checked"), "runs", CHECKED)
        return
    op.rename_table("runs", "runs_before")
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
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.Column("environment", sa.Integer()),
        sa.Column("proven_objective", sa.Double()),
        sa.Column("doubt", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint(CHECKED, name=op.f("ck_runs_checked")),
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
        sa.ForeignKeyConstraint(["environment"], ["environments.id"], name=op.f("fk_runs_environment")),
        sa.ForeignKeyConstraint(
            ["job_id", "instance"], ["job_members.job_id", "job_members.instance"], name=op.f("fk_runs_job_id_instance")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("job_id", "configuration", "instance", "seed", "run_limit", "purpose", name="uq_runs_run"),
        sqlite_autoincrement=True,
    )
    columns = (
        "id, job_id, configuration, instance, seed, cutoff, run_limit, purpose, termination, claim, checked, "
        "objective, bound, gap, cpu, wall, solver_wall, peak_mib, nodes, iterations, work, integral, raw_status, "
        "reason, elapsed, stored_at, environment"
    )
    op.execute(f"INSERT INTO runs ({columns}) SELECT {columns} FROM runs_before")
    # An id is never used twice, not even one of a run that is gone.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'runs'")
    op.execute("UPDATE sqlite_sequence SET name = 'runs' WHERE name = 'runs_before'")
    op.drop_table("runs_before")
    op.create_index("ix_runs_job_id_id", "runs", ["job_id", "id"])
    op.create_index("ix_runs_job_id_purpose_id", "runs", ["job_id", "purpose", "id"])
