"""The hosts of a cluster beside the head: a node program and an agent on each, and the view of them from the head."""
