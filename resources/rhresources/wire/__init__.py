"""How a cluster server is spoken to: messages, values, one async client. No Qt, no Ray."""

PROTOCOL = 1
"""Version of `cluster.proto`. A server of another protocol is refused at the handshake."""
