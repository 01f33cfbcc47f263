"""The registry: a server that keeps the documents of a team, with history, access and a feed of changes.

`python -m rhserver.registry`. Requests come in through `routes`, which know HTTP and nothing else; what they do is in
`documents`, `access` and `accounts`, which know the database and nothing of HTTP. Needs the extra `[registry]`.
"""
