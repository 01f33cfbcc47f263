"""The window's core, without Qt: what it knows (store), what it can do (commands), and what it is doing (tasks)."""
