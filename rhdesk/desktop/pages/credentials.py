"""Credentials: where they are kept, and every one there is; added, tested, replaced, removed. Secrets never show."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QGuiApplication
from shiboken6 import isValid

from rhdesk.core.credential_rows import KINDS, CredentialRow, CredentialState, credential_row
from rhdesk.core.desk import Desk
from rhdesk.core.rows import Problem
from rhdesk.core.store import Table
from rhdesk.core.words import age_text, count_text
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.pages.store_card import StoreCard
from rhdesk.desktop.widgets.base import Button
from rhdesk.desktop.widgets.dialog import confirm
from rhdesk.desktop.widgets.list_panel import ListPanel, MenuEntry
from rhdesk.desktop.widgets.page import Page

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhdesk.desktop.dialogs.credential import CredentialDialog
    from rhresources.credentials import Entry, StoreState
    from rhresources.credentials import Kind as CredentialKind
    from rhresources.workspace import Workspace

_SETTLE = 400  # milliseconds: several things that ask to read again count as one
_STATE, _LIST, _UNLOCK = "credentials.state", "credentials.list", "credentials.unlock"


class CredentialsPage(Page):
    """Targets: "", or "new" to add one."""

    title = "Credentials"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.rows: Table[CredentialRow] = Table("credentials")
        self._tested: dict[str, tuple[CredentialState, str]] = {}
        self._store: StoreState | None = None
        self._dialog: CredentialDialog | None = None
        self.card = StoreCard()
        self.card.unlock_asked.connect(self.unlock)
        self.card.cancel_asked.connect(self._give_up)
        self.card.retry_asked.connect(self.refresh)
        self.body.addWidget(self.card)
        self.list = ListPanel(credential_columns(), lambda row: row.id, "Credentials")
        self.list.set_chips(
            [
                ("all", "All", None),
                ("passphrase", "Passphrases", lambda row: row.kind == "passphrase"),
                ("password", "Passwords", lambda row: row.kind == "password"),
                ("token", "Tokens", lambda row: row.kind == "token"),
            ]
        )
        self.list.set_empty(
            "No credentials yet",
            "Passphrases of keys and passwords of accounts that you keep when rhdesk asks for them are listed here, "
            "and you can add them beforehand. Private keys stay in their files.",
            "key-round",
            lambda: [Button("Add credential", "", "plus", self.add)],
        )
        self.list.bind(self.rows)
        self.list.menu_for = self._menu
        self.list.opened.connect(self.test)
        self.list.delete_asked.connect(self.remove)
        self.list.chosen.connect(lambda rows: self._allow())
        self.list.retry.connect(self.refresh)
        self.body.addWidget(self.list, 1)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE)
        self._settle.timeout.connect(self._read)
        self.destroyed.connect(desk.questions.subscribe(self._refresh_soon))  # an answer may have been kept

    # ------------------------------------------------------------ the page

    def header_buttons(self) -> list[Button]:
        self._test = Button("Test", "", "shield-check", lambda: self._with_current(self.test))
        self._test.setObjectName("credential-test")
        self._replace = Button("Replace", "", "pencil", lambda: self._with_current(self.replace))
        self._replace.setObjectName("credential-replace")
        add = Button("Add credential", "primary", "plus", self.add)
        add.setObjectName("credential-add")
        self._allow()
        return [self._test, self._replace, add]

    def open(self, target: str) -> None:
        if target == "new":
            self.add()

    def shown(self) -> None:
        self.refresh()

    def focus_filter(self) -> None:
        self.list.focus_filter()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.WindowActivate and self.isVisible():
            self._refresh_soon()  # the keyring may have been unlocked, or changed, by other hands
        return super().event(event)

    # ------------------------------------------------------------ reading

    def refresh(self) -> None:
        """Ask what is kept and where, now."""
        self._read()

    def _refresh_soon(self) -> None:
        if self.isVisible():
            self._settle.start()

    def _read(self) -> None:
        self._settle.stop()
        if self.desk.loop.closed:
            return  # the window is closing

        async def state(workspace: Workspace, progress: Progress) -> StoreState:
            return await workspace.credentials.state()

        async def entries(workspace: Workspace, progress: Progress) -> list[Entry]:
            return await workspace.credentials.list()

        # each is shown as it comes: a keyring that is slow to answer keeps neither from the other
        self.desk.act(_STATE, state, on_done=self._show_store, on_error=self._store_unknown, quiet=True)
        self.desk.act(_LIST, entries, on_done=self._show, on_error=self._not_read, quiet=True)

    def _show_store(self, state: StoreState) -> None:
        if isValid(self):
            self._store = state
            self.card.show_state(state, self.desk.tasks.busy(_UNLOCK))

    def _store_unknown(self, error: BaseException) -> None:
        if isValid(self):
            self.card.show_problem(Problem.of(error))

    def _show(self, entries: list[Entry]) -> None:
        if isValid(self):
            rows = [credential_row(entry) for entry in entries]
            self.rows.replace({row.id: self._with_test(row) for row in rows})
            self._allow()

    def _with_test(self, row: CredentialRow) -> CredentialRow:
        state, sentence = self._tested.get(row.id, (row.state, row.sentence))
        return row if row.state is CredentialState.BROKEN else replace(row, state=state, sentence=sentence)

    def _not_read(self, error: BaseException) -> None:
        if isValid(self):
            self.rows.fail(Problem.of(error))

    # ------------------------------------------------------------ acts

    def unlock(self) -> None:
        """Let the keyring show its own prompt; it may take as long as it likes."""

        async def unlock(workspace: Workspace, progress: Progress) -> StoreState:
            return await workspace.credentials.unlock()

        def done(state: StoreState) -> None:
            self._show_store(state)
            if state.usable and not state.locked:
                self.desk.notifier.success(f"{state.title} is unlocked.")
            else:
                self.desk.notifier.warning(state.sentence, state.remedy)

        self.desk.act(_UNLOCK, unlock, on_done=done, on_end=self._after_unlock)
        if self._store is not None:
            self.card.show_state(self._store, waiting=True)

    def _after_unlock(self) -> None:
        if isValid(self):
            QTimer.singleShot(0, self, self._read)

    def _give_up(self) -> None:
        self.desk.tasks.cancel(_UNLOCK)

    def add(self) -> None:
        """Open the dialog for a new one."""
        self._open(None)

    def replace(self, row: CredentialRow) -> None:
        """Open the dialog for another secret in place of this one."""
        self._open(row)

    def _open(self, row: CredentialRow | None) -> None:
        from rhdesk.desktop.dialogs.credential import CredentialDialog

        self._dialog = CredentialDialog(
            self.desk, self.window(), self._saved, replace=row, accounts=self._accounts(), store=self._store
        )
        self._dialog.open()

    def _saved(self, kind: str, subject: str, test: bool) -> None:
        for where in ("keyring", "session"):
            self._tested.pop(f"{kind}:{where}:{subject}", None)
        if kind == "passphrase":
            self._tested |= {
                f"{kind}:{where}:{subject}": (CredentialState.WORKS, "It opens the key.")
                for where in ("keyring", "session")
            }
        self._read()
        if test:
            self.test(CredentialRow(kind, subject, "keyring"))

    def test(self, row: CredentialRow) -> None:
        """Try it where it belongs: on the key, or on the host."""
        before = self._tested.get(row.id)
        self._note(row, CredentialState.TESTING, "It is being tried.")

        async def test(workspace: Workspace, progress: Progress) -> tuple[CredentialState, str]:
            from rhdesk.desktop.credential_tests import try_credential

            return await try_credential(workspace, row)

        def done(outcome: tuple[CredentialState, str]) -> None:
            state, sentence = outcome
            self._note(row, state, f"{sentence} Tested at {time.strftime('%H:%M')}.")
            if state is CredentialState.WORKS:
                self.desk.notifier.success(f"{_capital(row.words)} works: {sentence[:1].lower()}{sentence[1:]}")
            else:
                retry = partial(self.replace, row)
                self.desk.notifier.warning(
                    f"{_capital(row.words)} is wrong.", sentence, action_text="Replace…", action=retry
                )

        def failed(error: BaseException) -> None:
            self._note(row, CredentialState.UNTESTED, Problem.of(error).sentence)

        def ended() -> None:
            if self._tested.get(row.id, (None,))[0] is CredentialState.TESTING:  # cancelled
                self._note(row, *(before or (CredentialState.KEPT, "")))

        title = f"Testing {row.words}"
        self.desk.act(f"credential.test:{row.id}", test, title=title, go_to=("credentials", ""),
                      on_done=done, on_error=failed, on_end=ended)  # fmt: skip

    def _note(self, row: CredentialRow, state: CredentialState, sentence: str) -> None:
        """Remember what a test found, wherever the secret is kept."""
        for where in ("keyring", "session"):
            key = f"{row.kind}:{where}:{row.subject}"
            self._tested[key] = (state, sentence)
            known = self.rows.get(key)
            if known is not None and known.state is not CredentialState.BROKEN:
                self.rows.update({key: replace(known, state=state, sentence=sentence)})

    def remove(self, rows: list[CredentialRow]) -> None:
        """Ask, and forget them everywhere."""
        if not rows:
            return
        names = [row.words for row in rows]
        confirm(
            self.window(),
            f"Remove {names[0]}?" if len(rows) == 1 else f"Remove {count_text(len(rows), 'credential')}?",
            "It is forgotten for good, and asked for when it is needed again."
            if len(rows) == 1
            else "They are forgotten for good, and asked for when they are needed again.",
            "Remove",
            lambda: self._remove(rows),
            victims=[_capital(name) for name in names] if len(rows) > 1 else (),
        )

    def _remove(self, rows: list[CredentialRow]) -> None:
        async def remove(workspace: Workspace, progress: Progress) -> None:
            for row in rows:
                await workspace.credentials.remove(cast("CredentialKind", row.kind), row.subject)

        def done(nothing: None) -> None:
            what = rows[0].words if len(rows) == 1 else count_text(len(rows), "credential")
            self.desk.notifier.success(f"Removed {what}")

        def ended() -> None:
            if isValid(self):
                for row in rows:
                    self._tested.pop(row.id, None)
                self._read()

        self.desk.act(f"credential.remove:{rows[0].id}", remove, on_done=done, on_end=ended)

    # ------------------------------------------------------------ small things

    def _menu(self, row: CredentialRow) -> list[MenuEntry | None]:
        what = {"passphrase": "path", "password": "account"}.get(row.kind, "name")
        return [
            ("shield-check", "Test", lambda: self.test(row), self._why_not_test(row)),
            ("pencil", "Replace…", lambda: self.replace(row), ""),
            ("copy", f"Copy the {what}", lambda: QGuiApplication.clipboard().setText(row.subject), ""),
            None,
            ("trash-2", "Remove…", lambda: self.remove([row]), ""),
        ]

    def _why_not_test(self, row: CredentialRow | None) -> str:
        if row is None:
            return "Choose a credential first."
        return "It is being tried." if row.state is CredentialState.TESTING else ""

    def _allow(self) -> None:
        if hasattr(self, "_test"):
            row = self.list.current()
            self._test.allow(self._why_not_test(row))
            self._replace.allow("" if row is not None else "Choose a credential first.")

    def _with_current(self, act: object) -> None:
        row = self.list.current()
        if row is not None and callable(act):
            act(row)

    def _accounts(self) -> list[str]:
        """Accounts that the clusters name, for the dialog."""
        found: dict[str, None] = {}
        for row in self.desk.store.names.rows():
            credentials = getattr(row.document, "ssh_creds", None)
            if row.kind == "cluster" and credentials is not None and credentials.ssh_user:
                for host in row.document.ips:
                    port = f":{credentials.ssh_port}" if credentials.ssh_port else ""
                    found[f"{credentials.ssh_user}@{host}{port}"] = None
        return list(found)


def credential_columns() -> list[Column[CredentialRow]]:
    """The columns of the list."""
    return [
        Column(
            "subject",
            "Credential",
            lambda row: row.title,
            Kind.TITLE,
            240,
            True,
            second=_second,
            tip=lambda row: row.subject,
        ),
        Column("kept", "Kept in", lambda row: row.kept, Kind.MUTED, 170, True, drop_below=420),
        Column(
            "created",
            "Since",
            lambda row: age_text(row.created),
            Kind.MUTED,
            110,
            sort=lambda row: row.created,
            ages=True,
            drop_below=560,
        ),
        Column(
            "state",
            "State",
            lambda row: row.state.word,
            Kind.PILL,
            130,
            value=lambda row: row.state,
            tip=lambda row: row.sentence,
        ),
    ]


def _second(row: CredentialRow) -> str:
    """What it is; where something is wrong, what."""
    troubled = row.state in (CredentialState.BROKEN, CredentialState.WRONG, CredentialState.UNTESTED)
    kind = KINDS.get(row.kind, row.kind)
    return f"{kind} · {row.sentence}" if troubled and row.sentence else kind


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
