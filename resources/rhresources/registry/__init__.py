"""The registry of a team, seen by those who use it: who is logged in, what is known of it, what waits for it."""
