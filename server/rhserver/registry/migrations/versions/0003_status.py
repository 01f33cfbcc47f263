"""How clusters are, told by whoever runs them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_of_status = sa.text("event = 'status'")


def upgrade() -> None:
    op.add_column("resources", sa.Column("status", sa.Text))
    op.create_index("changes_status", "changes", ["resource_id"], sqlite_where=_of_status, postgresql_where=_of_status)
