"""How a cluster is, by the word of whoever runs it: one present value beside its document, which no version keeps.

What may be said is fixed by `StatusRequest`: nothing of it is a secret, and who may read the document may read it.
"""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import Connection, update

from rhserver.registry import audit, changes, documents
from rhserver.registry.names import Name
from rhserver.registry.problems import Unfit
from rhserver.registry.rights import Rights
from rhserver.registry.schema import resources


def tell(connection: Connection, rights: Rights, name: Name, said: dict[str, Any], age: float) -> dict[str, Any]:
    """Take down how a cluster is, in place of what was told before; what is known of it then.

    Args:
        said: how it is.
        age: seconds since that was seen; the clock of whoever tells it may be wrong.

    Raises:
        NotFound, NoAccess: as for `documents.save`.
        Unfit: it is no cluster.
    """
    found = documents.load(connection, rights, name)
    documents.require_write(name, found.level)
    if found.kind != "cluster":
        raise Unfit(f"{name} is a {found.kind}; only clusters have a status.")
    now = time.time()
    status = {**said, "seen": now - age, "by": rights.user.name, "at": now}
    before = json.loads(found.status) if found.status else {}
    connection.execute(update(resources).where(resources.c.id == found.id).values(status=json.dumps(status)))
    if any(before.get(key) != status.get(key) for key in ("state", "by", "source")):
        audit.record(connection, "tell status", name.text, str(status["state"]))
    changes.record_status(connection, found.id, found.version, name.text)
    return status
