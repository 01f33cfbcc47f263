"""Starts the window and ends it. Only wiring."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, TypeVar

from PySide6 import __version__ as qt_version
from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from rhdesk.core.desk import Desk
from rhdesk.desktop import theme
from rhdesk.desktop.pauses import shorten_pauses
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.window_state import WindowState
from rhresources import paths
from rhresources.errors import RhError

log = logging.getLogger(__name__)

T = TypeVar("T")


def require_sound_qt() -> None:
    """Refuse the one combination that aborts after some hundred signals.

    Raises:
        RhError: what is wrong and how to mend it.
    """
    if sys.version_info < (3, 12) and tuple(int(part) for part in qt_version.split(".")[:2]) >= (6, 12):
        raise RhError(
            f"PySide6 {qt_version} aborts on Python {'.'.join(str(part) for part in sys.version_info[:2])}.",
            remedy="pip install 'PySide6-Essentials<6.12', or use Python 3.12 or newer.",
        )


def make_application(argv: Sequence[str]) -> QApplication:
    """The one QApplication of this process."""
    require_sound_qt()
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    QGuiApplication.setDesktopFileName("rhdesk")
    app = QApplication(list(argv[:1]) or ["rhdesk"])
    app.setApplicationName("rhdesk")
    app.setApplicationDisplayName("rhdesk")
    return app


def make_window(app: QApplication, *, theme_name: str = "") -> Shell:
    """The window, not shown yet and with nothing in it: `start` fills it."""
    home = paths.home()
    state = WindowState.load(home)
    if theme_name:
        state.theme = theme_name
    theme.apply(app, state.theme)
    return Shell(Desk(home), state)


def start(shell: Shell, *, settings: bool = True) -> None:
    """Begin the background work, after the first paint."""
    shell.desk.start()
    if settings:
        _read_settings(shell)


def run_window(argv: Sequence[str]) -> int:
    """Open the window and stay until it is closed. Returns the exit code.

    Raises:
        RhError: this Qt cannot be used.
    """
    app = make_application(argv)
    shorten_pauses(app)
    shell = make_window(app)
    shell.show()
    QTimer.singleShot(0, shell, lambda: start(shell))
    _follow_system_theme(shell)
    hook = _install_excepthook(shell)
    wakeup = _close_on_signals(shell)
    try:
        return _loop(app)
    finally:
        sys.excepthook = hook
        wakeup()
        shell.desk.finish()
        shell.desk.close()


def _loop(app: QApplication) -> int:
    """Run Qt's loop with asyncio on it until the last window is closed."""

    async def until_closed() -> None:
        closed = asyncio.Event()
        app.lastWindowClosed.connect(closed.set)
        await closed.wait()

    run_on_qt(app, until_closed())
    return 0


def run_on_qt(app: QApplication, main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on Qt's own loop until it is done."""
    os.environ.setdefault("QT_API", "pyside6")
    import qasync

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app, already_running=False)) as runner:
        return runner.run(main)


def _read_settings(shell: Shell) -> None:
    """The theme was remembered from last time; the settings file has the last word."""

    async def read(progress: object) -> tuple[str, RhError | None]:
        from rhresources.settings import Settings

        settings = await asyncio.to_thread(Settings.load, shell.desk.home)
        return settings.theme, settings.problem

    def done(found: tuple[str, RhError | None]) -> None:
        wanted, problem = found
        if wanted != shell.state.theme:
            shell.apply_theme(wanted)
        if problem is not None:
            shell.desk.notifier.error(problem, act="Reading the settings")

    shell.desk.tasks.start("settings", read, on_done=done)


def _follow_system_theme(shell: Shell) -> None:
    def changed() -> None:
        if shell.state.theme == "system":
            shell.apply_theme("system")

    QGuiApplication.styleHints().colorSchemeChanged.connect(changed)


def _install_excepthook(shell: Shell) -> Callable[..., object]:
    """What no slot caught is told to the user, and the window stays."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        log.error("uncaught", exc_info=(kind, error, traceback))
        if issubclass(kind, KeyboardInterrupt):
            shell.close()
            return
        shell.desk.mailbox.post(lambda: shell.desk.notifier.error(error))

    sys.excepthook = hook
    return before


def _close_on_signals(shell: Shell) -> Callable[[], None]:
    """SIGTERM and SIGINT close the window as the user would. Returns what undoes that."""
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    before_fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    notifier = QSocketNotifier(receiver.fileno(), QSocketNotifier.Type.Read, shell)

    def woken() -> None:
        numbers = receiver.recv(64)
        if any(number in handlers for number in numbers):
            shell.close()

    notifier.activated.connect(woken)

    def undo() -> None:
        signal.set_wakeup_fd(before_fd)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        receiver.close()
        sender.close()

    return undo
