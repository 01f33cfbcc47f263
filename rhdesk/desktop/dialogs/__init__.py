"""Dialogs that more than one page opens, and what can be done with any resource."""
