"""Words about costs that stand where nothing was counted yet: nothing else is loaded for them."""

NOT_COUNTED = (
    "Counted is the time that hosts are up, at the price of that time. "
    "Not counted: the disks of stopped clusters, other storage, traffic, and taxes."
)

LABEL_WAY = "label "
"""Begins the way that days are split by a label: "label team"."""
