"""What an uploaded model is, is said by each who uploads it: nobody's word counts for another's."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the format to who has a model; where it is missing, that of the file which is kept counts."""
    op.add_column("model_owners", sa.Column("format", sa.Text()))
