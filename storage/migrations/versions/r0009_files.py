"""A model's file is written before anybody sees it, in short transactions: it is known by an id of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Give every model's file its SHA-256 as its id, and copy the pieces."""
    op.create_table(
        "uploads",
        sa.Column("id", ID, nullable=False),
        sa.Column("touched_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "model_files",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("upload", ID),
        sa.CheckConstraint("(sha256 IS NULL) <> (upload IS NULL)", name=op.f("ck_model_files_whose")),
        sa.ForeignKeyConstraint(["sha256"], ["models.sha256"], name=op.f("fk_model_files_sha256")),
        sa.ForeignKeyConstraint(["upload"], ["uploads.id"], name=op.f("fk_model_files_upload")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_files")),
        sa.UniqueConstraint("sha256", name=op.f("uq_model_files_sha256")),
    )
    op.create_index(op.f("ix_model_files_upload"), "model_files", ["upload"])
    op.create_table(
        "model_pieces",
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["file"], ["model_files.id"], name=op.f("fk_model_pieces_file")),
        sa.PrimaryKeyConstraint("file", "position", name=op.f("pk_model_pieces")),
    )
    op.execute("INSERT INTO model_files (id, sha256) SELECT sha256, sha256 FROM models")
    op.execute("INSERT INTO model_pieces (file, position, data) SELECT sha256, position, data FROM model_chunks")
    op.drop_table("model_chunks")
