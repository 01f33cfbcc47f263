"""What the registry answers over HTTP."""
