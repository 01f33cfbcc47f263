"""The registry of a team, seen by those who use it: who is logged in, what is known of it, what waits for it.

Reading never asks the network: `following` hears the change feed in a thread and writes what comes into the `replica`,
and `known` reads that with the edits of the `outbox` on top. Writing goes through the `outbox` onto the disk first;
`delivery` brings it to the server by `api`, and `merging` joins it with what others did in between. `store` gives all
of it the face of the store of this computer; `client` and `session` say who is logged in, and let go when that changes.
"""
