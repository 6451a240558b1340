"""Where runs were executed, by which software, and which earlier runs a job reuses."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Move the hosts of runs into a table of their own, where more is known of new ones."""
    op.create_table(
        "environments",
        sa.Column("id", ID, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("software", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments")),
        sa.UniqueConstraint(
            "host", "processor", "cores", "software", name=op.f("uq_environments_host_processor_cores_software")
        ),
    )
    op.execute(
        "INSERT INTO environments (host, processor, cores, software) "
        "SELECT DISTINCT host, '', 0, '' FROM runs ORDER BY host"
    )
    # As SQL, because SQLite adds a column with a reference only when both are one statement, and one without NOT NULL.
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE runs ADD COLUMN environment {kind} CONSTRAINT fk_runs_environment REFERENCES environments (id)"
    )
    op.execute("UPDATE runs SET environment = (SELECT id FROM environments WHERE environments.host = runs.host)")
    op.drop_column("runs", "host")
    op.add_column("jobs", sa.Column("reuse_upto", sa.BigInteger()))
