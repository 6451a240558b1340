"""What is told of jobs that solve bilevel problems without reading the problem: its kind, and the follower's names."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add both; of jobs that are there, the kind is in their documents."""
    op.add_column("jobs", sa.Column("problem", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "reaction_names",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_reaction_names_job_id")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_reaction_names")),
    )
    jobs = sa.table("jobs", sa.column("id"), sa.column("document"), sa.column("problem"))
    connection = op.get_bind()
    solving = sa.select(jobs.c.id, jobs.c.document).where(jobs.c.document != "")
    for number, document in connection.execute(solving).all():
        kind = json.loads(document)["kind"]
        connection.execute(sa.update(jobs).where(jobs.c.id == number).values(problem=kind))
