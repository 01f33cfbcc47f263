"""The REST calls of Runhouse's clients, versions 0.0.5 and 0.0.42, on the documents of this registry.

What such a client saved comes back to it to the letter, without secrets: those are never kept. Clients of today see the
document that it means, and the other way round.
"""
