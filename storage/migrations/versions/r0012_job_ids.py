"""The id of a job that was deleted is never another job's: who still holds a lease of it would write into that one."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Give SQLite, where the largest id that is left is counted on from, the table again; PostgreSQL counts anyway.

    Other tables refer to this one: until the end of the transaction nobody looks whether what they refer to is there.
    """
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE jobs_before AS SELECT * FROM jobs")
    op.drop_table("jobs")
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
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
        sa.Column("reuse_upto", sa.BigInteger()),
        sa.Column("kind", sa.Text(), nullable=False, server_default="tune"),
        sa.Column("document", sa.Text(), nullable=False, server_default=""),
        sa.Column("owner", sa.Text(), nullable=False, server_default=""),
        sa.Column("served", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("hold", sa.Text(), nullable=False, server_default=""),
        sa.Column("instance_set", sa.Integer()),
        sa.Column("problem", sa.Text(), nullable=False, server_default=""),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("deleted_at", sa.DateTime()),
        sa.Column("document_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'interrupted', 'finished', 'failed')", name=op.f("ck_jobs_state")
        ),
        sa.CheckConstraint("hold IN ('', 'paused', 'cancelled')", name=op.f("ck_jobs_hold")),
        sa.CheckConstraint("budget > 0", name=op.f("ck_jobs_budget")),
        sa.CheckConstraint("cutoff > 0", name=op.f("ck_jobs_cutoff")),
        sa.CheckConstraint("memory_mib > 0", name=op.f("ck_jobs_memory_mib")),
        sa.CheckConstraint("slots > 0", name=op.f("ck_jobs_slots")),
        sa.ForeignKeyConstraint(["best"], ["configurations.key"], name=op.f("fk_jobs_best")),
        sa.ForeignKeyConstraint(["instance_set"], ["instance_sets.id"], name=op.f("fk_jobs_instance_set")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("name", name=op.f("uq_jobs_name")),
        sqlite_autoincrement=True,
    )
    columns = (
        "id, name, state, folder, holdout, cost, ties, cutoff, budget, slots, memory_mib, gap, seed, space, "
        "created_at, spent, outcome, report, best, token, owner_host, owner_machine, owner_pid, owner_started, "
        "owned_since, owned_until, reuse_upto, kind, document, owner, served, priority, hold, instance_set, problem, "
        "finished_at, deleted_at, document_bytes"
    )
    op.execute(f"INSERT INTO jobs ({columns}) SELECT {columns} FROM jobs_before")
    op.drop_table("jobs_before")
