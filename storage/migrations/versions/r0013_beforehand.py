"""What a job is told beforehand: what is fixed, the user's own settings, when to stop; which runs were cut short."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the columns, and the table of what is fixed."""
    op.execute("ALTER TABLE jobs ADD COLUMN base VARCHAR(16) CONSTRAINT fk_jobs_base REFERENCES configurations (key)")
    op.add_column("jobs", sa.Column("target", sa.Double()))
    op.add_column("jobs", sa.Column("stop_after", sa.Double()))
    op.add_column("runs", sa.Column("floor", sa.Double()))
    op.create_table(
        "job_fixed",
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("configuration", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_fixed_job_id")),
        sa.ForeignKeyConstraint(["configuration"], ["configurations.key"], name=op.f("fk_job_fixed_configuration")),
        sa.PrimaryKeyConstraint("job_id", "configuration", name=op.f("pk_job_fixed")),
    )
