"""A window is painted before anything is loaded that only those need who use clouds, or for whom something costs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path


def test_that_nothing_is_loaded_for_clouds_and_costs_before_the_first_paint(rh_home: Path) -> None:
    program = """
        import sys
        from rhdesk.desktop.app import make_application, make_window
        app = make_application(["rhdesk"])
        shell = make_window(app, theme_name="dark")
        shell.resize(1280, 800)
        shell.show()
        app.processEvents()
        print(*(name for name in sys.modules if name.startswith(("rhresources.", "httpx", "numpy", "pyqtgraph"))))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "rhresources.errors" in loaded
    of_clouds = {name for name in loaded if name.startswith(("rhresources.cloud.", "rhresources.costs."))}
    words = {name for name in of_clouds if name.endswith((".words", "_words", ".limits"))}
    assert of_clouds == words
    assert loaded.isdisjoint({"httpx", "numpy", "pyqtgraph", "grpc", "pydantic"})
