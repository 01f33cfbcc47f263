"""Who did what, and what a token is recognised by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_name = sa.String(300).with_variant(postgresql.VARCHAR(300, collation="C"), "postgresql")
_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("tokens", sa.Column("prefix", sa.String(20), nullable=False, server_default=""))
    op.add_column("tokens", sa.Column("expires", sa.Float))
    op.add_column("tokens", sa.Column("used", sa.Float))
    op.create_table(
        "audit",
        sa.Column("id", _id, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("by", _name, nullable=False),
        sa.Column("token_id", _id),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("name", _name, nullable=False),
        sa.Column("outcome", sa.String(40), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at"])
