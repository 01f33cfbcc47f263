"""One environment of a cluster: its packages beside what was asked for, who uses it, and making it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from rhdesk.core.desk import Desk
from rhdesk.core.environment_rows import EnvironmentRow, InstalledRow, requirements_text, version_changes
from rhdesk.core.environment_users import UserRow, ran_in, users_of
from rhdesk.core.rows import Problem
from rhdesk.core.store import Condition, Phase
from rhdesk.core.words import age_text, bytes_text, count_text
from rhdesk.desktop.dialogs.remove_environments import remove_environments
from rhdesk.desktop.forms.tab_order import order_tabs
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.pages.environment_packages import EnvironmentPackages
from rhdesk.desktop.widgets.base import Card, ChipRow, ElidedLabel, Label, Rule, row_of
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhdesk.desktop.widgets.list_panel import ListPanel
from rhdesk.desktop.widgets.removal import clear_layout
from rhdesk.desktop.widgets.states import ProblemBox
from rhdesk.desktop.widgets.task_output import TaskOutput

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.workspace import Workspace

_UPDATE_WORDS = {
    "running": "Making it anew…",
    "done": "Made anew",
    "failed": "Failed; this one is as it was",
    "cancelled": "Cancelled; this one is as it was",
}
_Found = tuple[EnvironmentRow, list[InstalledRow], str]


def update_task(address: str, hash: str) -> str:
    """The name of the task that makes an environment anew."""
    return f"environment.update {address} {hash}"


class EnvironmentDetails(Dialog):
    """Opened over a list of environments; `changed` when one was made or removed."""

    changed = Signal()

    def __init__(self, desk: Desk, parent: QWidget, address: str, hash: str, row: EnvironmentRow | None = None) -> None:
        super().__init__(parent, f"Environment on {address}", width=640)
        self._desk, self._address, self._hash, self._row = desk, address, hash, row
        self._before: list[InstalledRow] = []
        self._closed = False
        self.title = ElidedLabel("", "strong")
        self._facts = Label("", "faint", select=True)
        head = QVBoxLayout()
        head.setSpacing(2)
        head.addWidget(self.title)
        head.addWidget(self._facts)
        self.body.addLayout(head)
        self._notes = QVBoxLayout()
        self.body.addLayout(self._notes)
        card = Card(margins=(0, 0, 0, 4))
        card.body.setSpacing(0)
        self.tabs = ChipRow("tab")
        bar = row_of(self.tabs, None)
        bar.setContentsMargins(12, 0, 12, 0)
        card.body.addLayout(bar)
        card.body.addWidget(Rule())
        self._stack = QStackedWidget()
        card.body.addWidget(self._stack, 1)
        self.body.addWidget(card, 1)
        self.packages = EnvironmentPackages()
        self.packages.retry.connect(self._read)
        self.users = _users_list()
        self.users.opened.connect(self._open_user)
        self._place = QStackedWidget()  # of the output: another for every environment
        self._pages = {"packages": self.packages, "functions": self.users, "update": self._place}
        for page in self._pages.values():
            self._stack.addWidget(page)
        self.tabs.set_chips([("packages", "Packages"), ("functions", "Functions"), ("update", "Update log")])
        self.tabs.chosen.connect(lambda key: self._stack.setCurrentWidget(self._pages[key]))

        self.copy_button = self.add_button("Copy as requirements.txt", "", self._copy)
        self.copy_button.setObjectName("environment-copy")
        self.remove_button = self.add_button("Remove…", "", self._ask_remove)
        self.update_button = self.add_button("Update", "", self.update_environment)
        self.update_button.setObjectName("environment-update")
        self.update_button.setToolTip("Make it anew with the newest versions that it may have")
        self.add_button("Close", "primary")
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self.packages.focus_filter)
        size = parent.window().size()
        self.resize(min(980, size.width() - 80), min(680, size.height() - 80))
        self.finished.connect(self._left)
        self.destroyed.connect(desk.store.tasks.subscribe(lambda change: self._allow()))
        self._show_environment(hash, row)
        order_tabs(self, self.tabs.chip("packages"))
        self.packages.table.setFocus()

    @property
    def hash(self) -> str:
        """Of the environment that is shown; after an update that is the new one."""
        return self._hash

    @property
    def output(self) -> TaskOutput:
        """What making it anew says."""
        found = self._place.currentWidget()
        assert isinstance(found, TaskOutput)
        return found

    # ------------------------------------------------------------ reading

    def _show_environment(self, hash: str, row: EnvironmentRow | None) -> None:
        self._hash, self._row = hash, row
        output = TaskOutput(
            self._desk,
            update_task(self._address, hash),
            _UPDATE_WORDS,
            "Update makes it anew, with the newest versions that its specification allows. "
            "Functions use the new one from their next run on; this one stays until nothing uses it.",
        )
        output.retry.connect(self.update_environment)
        self._place.addWidget(output)
        self._place.setCurrentWidget(output)
        self.packages.set_rows([], Condition())
        self.users.set_rows([], Condition())
        self._show_head()
        self._read()

    def _read(self) -> None:
        """What is in it; and then, which takes longer, what the index has."""
        address, hash = self._address, self._hash

        async def ask(workspace: Workspace, newest: bool) -> _Found:
            reply = await (await workspace.environments(address)).contents(hash, newest)
            packages = [InstalledRow.of(one) for one in reply.packages]
            return EnvironmentRow.of(reply.environment), packages, reply.unknown

        def read(found: _Found) -> None:
            self._show_found(found, asking=True)
            self._read_users()
            self._desk.act(
                self._task("newest"),
                lambda workspace, progress: ask(workspace, True),
                on_done=lambda found: self._show_found(found, asking=False),
                on_error=lambda error: self._not_asked(Problem.of(error).sentence),
                quiet=True,
            )

        def failed(error: BaseException) -> None:
            self.packages.set_rows([], Condition(Phase.FAILED, Problem.of(error)))
            self.users.set_rows([])
            self._allow()

        self._desk.tasks.cancel(self._task("newest"))
        self._desk.act(
            self._task("read"), lambda workspace, progress: ask(workspace, False), on_done=read, on_error=failed,
            quiet=True,
        )  # fmt: skip

    def _show_found(self, found: _Found, *, asking: bool) -> None:
        self._row, rows, unknown = found
        self.packages.set_asking(asking)
        self.packages.show_packages(rows)
        self.say("Asking the index for newer versions…" if asking else unknown)
        self._show_head()
        if self._before:
            self._tell_changes(rows)

    def _not_asked(self, sentence: str) -> None:
        self.packages.set_asking(False)
        self.say(sentence)

    def _read_users(self) -> None:
        row, address = self._row, self._address
        assert row is not None
        functions = self._desk.store.functions.rows()
        ran = ran_in(self._hash, address, self._desk.store.runs.rows())

        async def look(workspace: Workspace, progress: Progress) -> list[UserRow]:
            return await users_of(workspace, row, address, functions, ran)

        def looked(found: list[UserRow]) -> None:
            self.users.set_rows(found)
            words = f"Functions {len(found)}" if found else "Functions"
            self.tabs.chip("functions").set_text(words)

        self._desk.act(self._task("users"), look, on_done=looked, quiet=True)

    def _show_head(self) -> None:
        row = self._row
        self.title.setText(row.title if row is not None else self._hash[:10])
        if row is None:
            self._facts.setText(self._hash)
        else:
            used = "in use now" if row.in_use else f"used {age_text(row.last_use)}"
            parts = [row.contents] if row.contents else []
            parts += [f"Python {row.python}", bytes_text(row.bytes), used, f"made {age_text(row.created)}"]
            if row.setup_commands:
                parts.append(count_text(len(row.setup_commands), "set-up command"))
            self._facts.setText("  ·  ".join([*parts, row.hash[:16]]))
        self._allow()

    def _allow(self) -> None:
        if self._closed:
            return
        row = self._row
        task = self._desk.store.tasks.get(update_task(self._address, self._hash))
        busy = task is not None and task.state == "running"
        unknown = "It is not known yet." if row is None else ""
        ready = "" if row is None or row.state == "ready" else "It is not whole."
        self.update_button.allow("It is being made anew." if busy else unknown or ready)
        self.copy_button.allow("" if self.packages.table.rows.total else "Nothing is known to be in it.")
        self.remove_button.allow("It is being made anew." if busy else unknown or (row.fixed if row else ""))

    # ------------------------------------------------------------ acts

    def update_environment(self) -> None:
        """Make it anew; what is said goes to its tab, and in the end the new one is shown here."""
        address, hash, notifier = self._address, self._hash, self._desk.notifier
        before = list(self.packages.table.rows.all_rows())

        async def update(workspace: Workspace, progress: Progress) -> str:
            return await (await workspace.environments(address)).update(hash, progress)

        def updated(new: str) -> None:
            if self._closed:  # else it is told in the dialog
                notifier.success(f"The environment was made anew on {address}.", act="Update")
                return
            self._before = before
            self.changed.emit()
            self.tabs.choose("packages")
            self._show_environment(new, None)

        self._desk.act(
            update_task(address, hash),
            update,
            title=f"Update an environment of {address}",
            go_to=("clusters", f"{address}?tab=environments"),
            on_done=updated,
            quiet=True,  # it is told in its place, and in the task centre
        )
        self.tabs.choose("update")
        self._allow()

    def _tell_changes(self, rows: list[InstalledRow]) -> None:
        changes = version_changes(self._before, rows)
        clear_layout(self._notes)
        words = [f"{name} {old or 'was not there'} → {new or 'gone'}" for name, old, new in changes]
        said = "; ".join(words[:6]) + (f"; and {len(words) - 6} more" if len(words) > 6 else "")
        count = count_text(len(changes), "package")
        sentence = f"Made anew: {count} changed." if changes else "Made anew: all the same."
        detail = "\n".join(words) if len(words) > 6 else ""
        self._notes.addWidget(ProblemBox(Problem(sentence, said, detail), level="info"))

    def _copy(self) -> None:
        if self._row is None:
            return
        rows = self.packages.table.rows.all_rows()
        QGuiApplication.clipboard().setText(requirements_text(self._row, rows))
        count = sum(1 for row in rows if row.version)
        self.say(f"Copied {count_text(count, 'package')}")

    def _ask_remove(self) -> None:
        row = self._row
        if row is None:
            return

        def remove() -> None:
            self.accept()
            remove_environments(self._desk, self._address, [row], self.changed.emit)

        confirm(
            self,
            "Remove this environment?",
            f"It frees {bytes_text(row.bytes)}. A run that needs it installs it again.",
            "Remove",
            remove,
            victims=[f"Python {row.python}: {row.title}"],
        )

    def _open_user(self, row: UserRow) -> None:
        self.accept()
        if row.is_saved:
            self._desk.navigate("functions", row.address)
        else:
            self._desk.navigate("runs", f"?cluster={self._address}")

    def _task(self, what: str) -> str:
        return f"environment.{what} {id(self)}"

    def _left(self) -> None:
        self._closed = True
        for what in ("read", "newest", "users"):
            self._desk.tasks.cancel(self._task(what))


def _users_list() -> ListPanel:
    users = ListPanel(
        [
            Column(
                "name", "Function", lambda row: row.address, Kind.TITLE, 220, stretch=True,
                second=lambda row: row.description or ("" if row.is_saved else "Not saved under a name"),
            ),
            Column(
                "how", "How it uses it",
                lambda row: "Asks for the same packages" if row.asks else "Ran in it", Kind.TEXT, 200,
            ),
            Column(
                "ran", "Ran in it", lambda row: age_text(row.last_run), Kind.MUTED, 120,
                sort=lambda row: row.last_run, ages=True,
            ),
        ],
        lambda row: row.address,
        "Functions",
    )  # fmt: skip
    users.setProperty("card", False)
    users.set_empty("Used by no function", "None ran in it, and none asks for just these packages.", "square-function")
    return users
