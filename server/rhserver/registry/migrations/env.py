"""Run by Alembic: migrates over the connection that it was given, inside that one's transaction."""

from __future__ import annotations

from alembic import context

from rhserver.registry.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
