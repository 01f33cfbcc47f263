"""The tables. A change here needs a migration beside it: a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects import postgresql

HEAD = "0003"
"""The migration that makes these tables."""

metadata = MetaData()

# by code point, as SQLite compares: ranges of names and their order must not hang on a language
_Name = String(300).with_variant(postgresql.VARCHAR(300, collation="C"), "postgresql")
_Id = BigInteger().with_variant(Integer(), "sqlite")

state = Table(
    "state",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("text", Text, nullable=False, default=""),
    Column("number", BigInteger, nullable=False, default=0),
)
"""What there is one of: `registry`, the id of this database; `rights`, another number after every change of rights."""

accounts = Table(
    "accounts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("name", _Name, nullable=False),
    Column("key", _Name, nullable=False, unique=True),
    Column("admin", Boolean, nullable=False, default=False),
    Column("created", Float, nullable=False),
    Column("removed", Float),
)
"""Users, groups, and the one account that means everyone; `key` is the name in lower case."""

members = Table(
    "members",
    metadata,
    Column("group_id", _Id, ForeignKey("accounts.id"), primary_key=True),
    Column("user_id", _Id, ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("manager", Boolean, nullable=False, default=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("user_id", _Id, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("label", String(100), nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("prefix", String(20), nullable=False, default="", server_default=""),
    Column("expires", Float),
    Column("used", Float),
)
"""SHA-256 of each token that is valid. A token is 32 random bytes, so nothing slower is needed.

`prefix` is how a token begins, for people to tell it from others; `used` is right to the minute.
"""

audiences = Table(
    "audiences",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("users", JSON, nullable=False),
)
"""Ids of users whom a change concerned when it was made."""

resources = Table(
    "resources",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", _Name, nullable=False),
    Column("key", _Name, nullable=False),
    Column("folder", _Name, nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("modified", Float, nullable=False),
    Column("modified_by", _Name, nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("readers", _Id, ForeignKey("audiences.id")),
    Column("status", Text),
)
"""One row for each document from its first save to its deletion; a later one of the same name is another row.

`key` and `folder` are in lower case, `search` is what a query looks into, `readers` who might read it when it ended.
`status` is how a cluster is, as JSON, by the word of whoever runs it; no part of the document, and it has no history.
"""
Index(
    "resources_live",
    resources.c.key,
    unique=True,
    sqlite_where=resources.c.deleted == false(),
    postgresql_where=resources.c.deleted == false(),
)
Index("resources_key", resources.c.key)

versions = Table(
    "versions",
    metadata,
    Column("resource_id", _Id, ForeignKey("resources.id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("name", _Name, nullable=False),
    Column("key", _Name, nullable=False),
    Column("action", String(10), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("legacy", JSON(none_as_null=True)),
    Column("by", _Name, nullable=False),
    Column("at", Float, nullable=False),
    Column("note", Text, nullable=False),
    Index("versions_key", "key", "version"),
)
"""Every state that a document was in, whole. Numbers never come twice under one name, whatever is moved there."""

grants = Table(
    "grants",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account_id", _Id, ForeignKey("accounts.id"), nullable=False),
    Column("resource_id", _Id, ForeignKey("resources.id"), index=True),
    Column("folder", _Name),
    Column("folder_key", _Name, index=True),
    Column("access", String(10), nullable=False),
    UniqueConstraint("account_id", "resource_id", name="grants_of_documents"),
    UniqueConstraint("account_id", "folder_key", name="grants_of_folders"),
)
"""Who may do what with one document, or with all that is in a folder."""

_OF_STATUS = text("event = 'status'")

changes = Table(
    "changes",
    metadata,
    Column("cursor", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("event", String(10), nullable=False),
    Column("name", _Name, nullable=False),
    Column("old_name", _Name),
    Column("resource_id", _Id, ForeignKey("resources.id")),
    Column("version", BigInteger),
    Column("audience_id", _Id, ForeignKey("audiences.id")),
    Column("at", Float, nullable=False),
    Index("changes_status", "resource_id", sqlite_where=_OF_STATUS, postgresql_where=_OF_STATUS),
)
"""The feed. Numbered under the writers' lock, so that a lower number was never committed later."""

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Float, nullable=False),
    Column("by", _Name, nullable=False),
    Column("token_id", _Id),
    Column("address", String(60), nullable=False),
    Column("action", String(40), nullable=False),
    Column("name", _Name, nullable=False),
    Column("outcome", String(40), nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_at", "at"),
)
"""Who did what, or tried to. It outlives what it tells of, so it refers to nothing."""
