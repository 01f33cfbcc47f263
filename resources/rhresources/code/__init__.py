"""Code on its way to a cluster: what a tree contains, and what of it must travel."""
