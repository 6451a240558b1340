"""What is asked of large stores: the runs of one purpose page by page, and which job finished last."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Index the runs, and add when a job finished; of those that did already it is not known."""
    op.create_index(op.f("ix_runs_job_id_purpose_id"), "runs", ["job_id", "purpose", "id"])
    op.add_column("jobs", sa.Column("finished_at", sa.DateTime()))
