"""Files to a cluster and back: only what differs travels, as one stream, whatever is on the way."""
