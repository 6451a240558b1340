"""Jobs that solve bilevel problems: what they are about, the follower's answers, and the bracket."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Say of every job what it is about, and add the tables of the new kind."""
    op.add_column("jobs", sa.Column("kind", sa.Text(), nullable=False, server_default="tune"))
    op.add_column("jobs", sa.Column("document", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "answers",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("ties", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("optimistic", sa.Double()),
        sa.Column("pessimistic", sa.Double()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cpu", sa.Double(), nullable=False),
        sa.Column("wall", sa.Double(), nullable=False),
        sa.Column("solver_wall", sa.Double(), nullable=False),
        sa.Column("elapsed", sa.Double(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.Column("environment", ID, nullable=False),
        sa.CheckConstraint("ties IN ('optimistic', 'pessimistic')", name=op.f("ck_answers_ties")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_answers_job_id")),
        sa.ForeignKeyConstraint(["environment"], ["environments.id"], name=op.f("fk_answers_environment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_answers_job_id_id", "answers", ["job_id", "id"])
    op.create_table(
        "answer_choices",
        sa.Column("answer_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_answer_choices_answer_id")),
        sa.PrimaryKeyConstraint("answer_id", "position", name=op.f("pk_answer_choices")),
    )
    op.create_table(
        "answer_reactions",
        sa.Column("answer_id", ID, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "role IN ('own', 'widest', 'optimistic', 'pessimistic')", name=op.f("ck_answer_reactions_role")
        ),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_answer_reactions_answer_id")),
        sa.PrimaryKeyConstraint("answer_id", "role", "position", name=op.f("pk_answer_reactions")),
    )
    op.create_table(
        "answer_violations",
        sa.Column("answer_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_answer_violations_answer_id")),
        sa.PrimaryKeyConstraint("answer_id", "name", name=op.f("pk_answer_violations")),
    )
    op.create_table(
        "brackets",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("objective", sa.Double()),
        sa.Column("bound", sa.Double(), nullable=False),
        sa.Column("bound_kind", sa.Text(), nullable=False),
        sa.Column("best", ID),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_brackets_job_id")),
        sa.ForeignKeyConstraint(["best"], ["answers.id"], name=op.f("fk_brackets_best")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_brackets")),
    )
