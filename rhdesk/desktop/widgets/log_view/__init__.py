"""The log view: paints only the lines in sight, so that millions of them cost nothing."""

from rhdesk.desktop.widgets.log_view.panel import LogPanel
from rhdesk.desktop.widgets.log_view.view import LogView

__all__ = ["LogPanel", "LogView"]
