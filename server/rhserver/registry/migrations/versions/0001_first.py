"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_name = sa.String(300).with_variant(postgresql.VARCHAR(300, collation="C"), "postgresql")
_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "state",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("id", _id, primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", _name, nullable=False),
        sa.Column("key", _name, nullable=False, unique=True),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("removed", sa.Float),
    )
    op.create_table(
        "members",
        sa.Column("group_id", _id, sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("user_id", _id, sa.ForeignKey("accounts.id"), primary_key=True, index=True),
        sa.Column("manager", sa.Boolean, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("id", _id, primary_key=True),
        sa.Column("user_id", _id, sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "audiences",
        sa.Column("id", _id, primary_key=True),
        sa.Column("users", sa.JSON, nullable=False),
    )
    op.create_table(
        "resources",
        sa.Column("id", _id, primary_key=True),
        sa.Column("name", _name, nullable=False),
        sa.Column("key", _name, nullable=False),
        sa.Column("folder", _name, nullable=False, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("search", sa.Text, nullable=False),
        sa.Column("modified", sa.Float, nullable=False),
        sa.Column("modified_by", _name, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("readers", _id, sa.ForeignKey("audiences.id")),
    )
    live = sa.column("deleted") == sa.false()
    op.create_index("resources_live", "resources", ["key"], unique=True, sqlite_where=live, postgresql_where=live)
    op.create_index("resources_key", "resources", ["key"])
    op.create_table(
        "versions",
        sa.Column("resource_id", _id, sa.ForeignKey("resources.id"), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("name", _name, nullable=False),
        sa.Column("key", _name, nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("legacy", sa.JSON),
        sa.Column("by", _name, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("versions_key", "versions", ["key", "version"])
    op.create_table(
        "grants",
        sa.Column("id", _id, primary_key=True),
        sa.Column("account_id", _id, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("resource_id", _id, sa.ForeignKey("resources.id"), index=True),
        sa.Column("folder", _name),
        sa.Column("folder_key", _name, index=True),
        sa.Column("access", sa.String(10), nullable=False),
        sa.UniqueConstraint("account_id", "resource_id", name="grants_of_documents"),
        sa.UniqueConstraint("account_id", "folder_key", name="grants_of_folders"),
    )
    op.create_table(
        "changes",
        sa.Column("cursor", _id, primary_key=True, autoincrement=False),
        sa.Column("event", sa.String(10), nullable=False),
        sa.Column("name", _name, nullable=False),
        sa.Column("old_name", _name),
        sa.Column("resource_id", _id, sa.ForeignKey("resources.id")),
        sa.Column("version", sa.BigInteger),
        sa.Column("audience_id", _id, sa.ForeignKey("audiences.id")),
        sa.Column("at", sa.Float, nullable=False),
    )
