"""What functions a module has, and what parameters they take."""
