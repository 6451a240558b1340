"""Jobs are deleted, owners have limits and a fair share, and it is known what workers' hosts can carry out."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add when a job was deleted and how large its document is, and tables for limits, usage and hosts."""
    op.add_column("jobs", sa.Column("deleted_at", sa.DateTime()))
    op.add_column("jobs", sa.Column("document_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE jobs SET document_bytes = length(document) WHERE document <> ''")
    op.create_table(
        "owner_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "name IN ('jobs', 'priority', 'budget', 'stored', 'slots')", name=op.f("ck_owner_limits_name")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_owner_limits")),
    )
    op.create_table(
        "owner_usage",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("slot_seconds", sa.Double(), nullable=False),
        sa.Column("counted_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_owner_usage")),
    )
    op.create_table(
        "worker_hosts",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_worker_hosts")),
    )
