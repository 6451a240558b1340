"""What is asked of large stores: the runs of one purpose, page by page."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Index them."""
    op.create_index(op.f("ix_runs_job_id_purpose_id"), "runs", ["job_id", "purpose", "id"])
