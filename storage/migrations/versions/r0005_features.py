"""Features of instances."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add them; of instances that are there nothing is known."""
    op.add_column("instances", sa.Column("features", sa.Text()))
