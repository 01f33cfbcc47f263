"""Words of a launch that others know again: nothing else is loaded for them."""

UNDOING = "Ending what was begun …"
"""The line after which what was given up, or has failed, is taken back."""

NEXT_OFFER = "The next offer is looked for"
"""What a launch says after a refusal."""
