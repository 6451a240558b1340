"""What a service keeps: models that were uploaded, who may use it, and what jobs that it was handed are waiting for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables, and to jobs whose they are and what is wanted of them."""
    op.create_table(
        "models",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("suffix", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_models_sha256")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_models")),
    )
    op.create_table(
        "model_owners",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["models.sha256"], name=op.f("fk_model_owners_sha256")),
        sa.PrimaryKeyConstraint("sha256", "owner", name=op.f("pk_model_owners")),
    )
    op.create_table(
        "model_chunks",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["models.sha256"], name=op.f("fk_model_chunks_sha256")),
        sa.PrimaryKeyConstraint("sha256", "position", name=op.f("pk_model_chunks")),
    )
    op.create_table(
        "instance_sets",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_sets")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "instance_set_members",
        sa.Column("set_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["set_id"], ["instance_sets.id"], name=op.f("fk_instance_set_members_set_id")),
        sa.ForeignKeyConstraint(["sha256"], ["models.sha256"], name=op.f("fk_instance_set_members_sha256")),
        sa.PrimaryKeyConstraint("set_id", "position", name=op.f("pk_instance_set_members")),
        sa.UniqueConstraint("set_id", "name", name=op.f("uq_instance_set_members_set_id_name")),
    )
    op.create_index("ix_instance_set_members_sha256", "instance_set_members", ["sha256"])
    op.create_table(
        "tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime()),
        sa.CheckConstraint("scope IN ('read', 'submit', 'admin')", name=op.f("ck_tokens_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.add_column("jobs", sa.Column("owner", sa.Text(), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("served", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "ALTER TABLE jobs ADD COLUMN hold TEXT DEFAULT '' NOT NULL "
        "CONSTRAINT ck_jobs_hold CHECK (hold IN ('', 'paused', 'cancelled'))"
    )
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE jobs ADD COLUMN instance_set {kind} CONSTRAINT fk_jobs_instance_set REFERENCES instance_sets (id)"
    )
    op.create_table(
        "requests",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_requests_job_id")),
        sa.PrimaryKeyConstraint("owner", "key", name=op.f("pk_requests")),
    )
