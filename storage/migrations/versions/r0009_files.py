"""A model's file is written before anybody sees it, in short transactions: it is known by an id of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Give every model's file its SHA-256 as its id. PostgreSQL keeps the pieces where they are, SQLite copies them."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("touched_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_table(
        "model_files",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("upload", sa.String(32)),
        sa.ForeignKeyConstraint(["upload"], ["uploads.id"], name=op.f("fk_model_files_upload")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_files")),
    )
    op.create_index(op.f("ix_model_files_upload"), "model_files", ["upload"])
    op.execute("CREATE UNIQUE INDEX ix_model_files_sha256 ON model_files (sha256) WHERE upload IS NULL")
    op.execute("INSERT INTO model_files (id, sha256) SELECT sha256, sha256 FROM models")
    if op.get_bind().dialect.name == "sqlite":
        op.create_table(
            "model_pieces",
            sa.Column("file", sa.String(64), nullable=False),
            sa.Column("position", sa.Integer(), nullable=False),
            sa.Column("data", sa.LargeBinary(), nullable=False),
            sa.ForeignKeyConstraint(["file"], ["model_files.id"], name=op.f("fk_model_pieces_file")),
            sa.PrimaryKeyConstraint("file", "position", name=op.f("pk_model_pieces")),
        )
        op.execute("INSERT INTO model_pieces (file, position, data) SELECT sha256, position, data FROM model_chunks")
        op.drop_table("model_chunks")
        return
    op.drop_constraint("fk_model_chunks_sha256", "model_chunks")
    op.execute("ALTER TABLE model_chunks RENAME COLUMN sha256 TO file")
    op.execute("ALTER TABLE model_chunks RENAME CONSTRAINT pk_model_chunks TO pk_model_pieces")
    op.rename_table("model_chunks", "model_pieces")
    op.create_foreign_key("fk_model_pieces_file", "model_pieces", "model_files", ["file"], ["id"])
