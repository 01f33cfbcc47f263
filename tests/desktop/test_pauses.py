"""While a window loads Python does not stop to look for garbage; afterwards it does again."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from rhdesk.desktop import pauses


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    gc.unfreeze()
    gc.enable()


class Thing:
    itself: Thing


def test_that_garbage_is_collected_once_the_window_has_loaded(
    qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "_SETTLED", 20)
    pauses.shorten_pauses(qapp)
    assert not gc.isenabled()
    qtbot.waitUntil(gc.isenabled, timeout=30_000)
    assert gc.get_freeze_count() > 10_000, "what was loaded is not gone through again"
    thing = Thing()
    thing.itself = thing
    gone = weakref.ref(thing)
    del thing
    gc.collect()
    assert gone() is None
