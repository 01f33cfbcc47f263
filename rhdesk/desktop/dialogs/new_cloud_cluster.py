"""A cluster in a cloud, new or to be changed: an offer chosen, the whole request reviewed, then saved or launched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLineEdit, QStackedWidget, QWidget
from shiboken6 import isValid

from rhdesk.core.desk import Desk
from rhdesk.core.offers import PROCESSORS, OfferFilter, fitting, wish_of
from rhdesk.core.rows import Problem
from rhdesk.desktop.forms.cloud_form import CloudForm
from rhdesk.desktop.forms.name_field import address_problem, kept_problem
from rhdesk.desktop.forms.offer_picker import OfferPicker
from rhdesk.desktop.forms.offers_loading import OffersLoading
from rhdesk.desktop.forms.request_step import RequestStep
from rhdesk.desktop.widgets.dialog import Dialog, confirm
from rhresources.cloud.task import autostop_of
from rhresources.documents import ClusterDocument, dump_document, parse_document, plain_values, update_text
from rhresources.errors import DocumentError, RhError

if TYPE_CHECKING:
    from rhdesk.core.tasks import Progress
    from rhresources.settings import Settings
    from rhresources.stores.entry import Entry
    from rhresources.workspace import Workspace

_PAUSE = 150
_LOOKING = 100  # milliseconds that anybody looks at offers at least
_PICK, _REVIEW = 0, 1


class CloudClusterDialog(Dialog):
    """Makes a cluster, or changes or launches the one of `entry`.

    Args:
        entry: the one to change.
        template: a built-in to begin with.
        launching: it was asked to be brought up; launching is what the dialog is for.
        done: given the address, and whether to launch it.
        problem: what went wrong when it was launched last; shown at its field.
    """

    def __init__(
        self,
        desk: Desk,
        parent: QWidget,
        settings: Settings,
        done: Callable[[str, bool], object],
        *,
        entry: Entry | None = None,
        template: Entry | None = None,
        launching: bool = False,
        problem: Problem | None = None,
    ) -> None:
        title = (
            f"Bring up {entry.name}" if entry and launching else f"Edit {entry.name}" if entry else "New cloud cluster"
        )
        super().__init__(parent, title, width=760)
        self.setObjectName("cloud-cluster-dialog")
        self._desk, self._done_with, self._entry, self._settings = desk, done, entry, settings
        self._tried = self._dirty = False
        self._launch_it = False
        self._refused: tuple[str, str, str] | None = None  # field, what it said, and what a cloud said of that
        self._template = template
        self.steps = QStackedWidget()
        self.body.addWidget(self.steps, 1)
        self.picker = OfferPicker(self.steps)
        self.steps.addWidget(self.picker)
        self.loading = OffersLoading(desk, self.picker)
        self.loading.loaded.connect(self._offers_came)
        self._make_buttons(launching)
        self.picker.chosen.connect(self._allow)
        self.picker.opened.connect(self._take_offer)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._check)
        self.resize(980, 660)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._forward)
        QShortcut(QKeySequence("Ctrl+F"), self.picker, self.picker.search.setFocus)
        if (document := self._begun_with) is not None:
            self.picker.look_for(_filter_of(document))
        self._go(_PICK if entry is None else _REVIEW)
        self.loading.start()
        if entry is not None:
            self._check()
        if problem is not None:
            self._refuse(problem)

    # ------------------------------------------------------------ parts

    @property
    def _begun_with(self) -> ClusterDocument | None:
        begun = self._entry or self._template
        document = begun.document if begun is not None else None
        return document if isinstance(document, ClusterDocument) else None

    @cached_property
    def second(self) -> RequestStep:
        """The step of the review; made when it is first needed: the offers are in sight sooner without it."""
        entry, template, settings = self._entry, self._template, self._settings
        name = entry.name if entry else f"~/{template.address.name.removeprefix('rh-')}" if template else "~/"
        made = RequestStep(self.steps, name, fixed=entry is not None, renamed=self._named)
        self.steps.addWidget(made)
        document = self._begun_with
        values = plain_values(document) if document is not None else {}
        if template is not None:
            values.pop("description", None)
        made.form.set_values(
            values,
            autostop=(settings.default_autostop, settings.autostop_down),
            spot=settings.use_spot,
            provider=settings.default_provider,
        )
        made.form.changed.connect(self._changed)
        made.form.choose_asked.connect(self._choose_again)
        return made

    @property
    def form(self) -> CloudForm:
        return self.second.form

    @property
    def name(self) -> QLineEdit:
        return self.second.name

    def _make_buttons(self, launching: bool) -> None:
        self.add_button("Cancel")
        self.back = self.add_button("Choose other hardware" if self._entry is None else "Back", "", self._choose_again)
        self.back.setObjectName("cloud-back")
        self.save = self.add_button("Save only" if self._entry is None else "Save", "", lambda: self._finish(False))
        self.save.setObjectName("cloud-save")
        self.next = self.add_button("Review", "primary", self._take_offer)
        self.next.setObjectName("cloud-next")
        word = "Launch" if launching else "Save and launch"
        self.launch = self.add_button(word, "primary", lambda: self._finish(True))
        self.launch.setObjectName("cloud-launch")
        for button in (self.next, self.launch):
            button.setDefault(False)  # Return in a field does not rent anything
        row = self._desk.store.clusters.get(self._entry.name) if self._entry is not None else None
        self._is_there = row is not None and row.cloud is not None

    # ------------------------------------------------------------ the two steps

    def _go(self, step: int) -> None:
        review = step == _REVIEW
        self.steps.setCurrentWidget(self.second if review else self.picker)
        self.back.setVisible(review and self._entry is None)
        self.save.setVisible(review)
        self.launch.setVisible(review)
        self.next.setVisible(not review)
        self.next.set_text("Review" if self._entry is None else "Take it")
        self._allow()
        if not review:
            self.picker.table.setFocus()
            self.say("")
            return
        self.say("The next launch gets what is changed here." if self._is_there else "")
        (self.name if self._entry is None else self.form.instance.line).setFocus()
        if self._entry is None:
            QTimer.singleShot(0, self.name, self.name.deselect)

    def _choose_again(self) -> None:
        self._go(_PICK)

    def _take_offer(self) -> None:
        offer = self.picker.offer()
        if offer is None:
            return
        self.form.set_offer(wish_of(offer), offer.cloud, offer.region, self.picker.filter.spot)
        if self._entry is None and self.second.address in ("~/", ""):
            name = (offer.accelerator or offer.instance_type).lower()
            self.name.setText(f"~/{name}")
        self._go(_REVIEW)
        self._check()

    def _allow(self) -> None:
        self.next.allow("" if self.picker.offer() is not None else "Choose an offer first.")
        self.launch.allow(
            f"{self._entry.name} is there already; take it down first." if self._is_there and self._entry else ""
        )

    def _forward(self) -> None:
        if self.steps.currentIndex() == _PICK:
            self._take_offer()
        elif self.launch.isEnabled():
            self._finish(True)

    # ------------------------------------------------------------ what the form says

    def reject(self) -> None:
        """Close; what was typed is only given up after a question. A step back from the offers is no end."""
        if self._entry is not None and self.steps.currentIndex() == _PICK:
            self._go(_REVIEW)
            return
        if not self._dirty:
            self.loading.cancel()
            super().reject()
            return

        def discard() -> None:
            self._dirty = False
            self.reject()

        text = "The cluster was not saved." if self._entry is None else "The changes were not saved."
        confirm(self, "Discard what you typed?", text, "Discard", discard, leave_text="Keep editing")

    def _changed(self) -> None:
        self._dirty = True
        self.show_problem(None)
        self._pause.start()

    def _check(self) -> ClusterDocument | None:
        """Say what is wrong, what it costs, and what the document is."""
        self._pause.stop()
        self._review_price()
        try:
            document = parse_document(self.form.values())
        except DocumentError as error:
            problems = [(field, message) for field, message, _ in error.problems]
            missing = not self.form.instance.text and not self._tried
            problems = [each for each in problems if not (missing and each[0] == "instance_type")]
            stray = self.form.show_errors(problems + self._place_errors())
            if stray and self._tried:
                self.show_problem(Problem("; ".join(stray)))
            return None
        self.form.show_errors(self._place_errors())
        assert isinstance(document, ClusterDocument)
        self.second.review.show_yaml(dump_document(document))
        asked = self.form.autostop.value() or (-1, False)
        self.second.review.show_autostop(*autostop_of(document, self._settings), asked=asked)
        refused = self._refused is not None and list(self.form.errors) == [self._refused[0]]
        return document if not self.form.errors or (refused and self._tried) else None  # it may have capacity by now

    def _place_errors(self) -> list[tuple[str, str]]:
        """What a cloud has refused; and a cloud or a region that no offer names is most likely misspelt."""
        if self._refused is not None and self.form.lines[self._refused[0]].text == self._refused[1]:
            return [(self._refused[0], self._refused[2])]
        offers = self.loading.offers
        cloud, region = self.form.cloud.text, self.form.region.text
        if not offers:
            return []
        if cloud and cloud not in {offer.cloud for offer in offers}:
            return [("provider", f"SkyPilot has no prices of a cloud {cloud}")]
        regions = {offer.region for offer in offers if not cloud or offer.cloud == cloud}
        return [("region", f"there is no region {region}")] if region and region not in regions else []

    def _offers_came(self) -> None:
        if self.loading.offers and self.focusWidget() is self.picker.kind:
            self.picker.table.setFocus()  # nobody has gone anywhere yet
        if self.steps.currentIndex() == _REVIEW:
            self._check()
        elif self.loading.offers:
            QTimer.singleShot(_LOOKING, self, lambda: self.second)  # so that it is there at once when it is wanted

    def _review_price(self) -> None:
        values = self.form.values()
        price, instance, offers = (
            values.get("price_per_hour"),
            str(values.get("instance_type", "")),
            self.loading.offers,
        )
        # a SkyPilot elsewhere may know no prices of hosts without accelerators; that is not the same as none
        unlisted = instance.upper().startswith(PROCESSORS) and all(offer.accelerator for offer in offers)
        self.second.review.show_price(
            fitting(offers, instance, self.form.cloud.text, self.form.region.text),
            hosts=self.form.host_count,
            spot=self.form.is_spot,
            price=price if isinstance(price, float) else None,
            known=bool(offers) and not unlisted,
            why_not=self.loading.why_not,
        )

    def _named(self) -> None:
        self._dirty = True
        text = self.second.address
        self.second.show_name_problem(address_problem(text, self._desk) if self._tried or text.strip("~/ ") else None)

    # ------------------------------------------------------------ the end

    def _finish(self, launch: bool) -> None:
        self._tried = True
        address, document = self.second.address, self._check()
        if self._entry is None and (problem := address_problem(address, self._desk)):
            self._named()
            self.second.show_name_problem(problem)
            self.name.setFocus()
            return
        if document is None:
            self.form.focus_error()
            return
        entry, settings = self._entry, self._settings

        def save_it(workspace: Workspace) -> str:
            from rhresources.cloud.task import task_of

            task_of(document, settings, workspace.home)  # refuses what the cloud cannot give, before anything is kept
            if entry is None:
                return workspace.names.save(address, document, False).name
            if document == entry.document:
                return entry.name
            text = update_text(entry.text, document)
            return workspace.names.save_text(address, text, modified=entry.modified).name

        async def save(workspace: Workspace, progress: Progress) -> str:
            return await asyncio.to_thread(save_it, workspace)

        self._launch_it = launch
        self._let(False)
        self._desk.act(f"cloud.save:{id(self)}", save, on_done=self._saved, on_error=self._failed, quiet=True)

    def _let(self, on: bool) -> None:
        for button in (self.save, self.launch):
            button.setEnabled(on)

    def _saved(self, address: str) -> None:
        if isValid(self):
            self._dirty = False
            self.accept()
        self._done_with(address, self._launch_it)

    def _failed(self, error: BaseException) -> None:
        if not isValid(self):
            self._desk.notifier.error(error, act="Saving the cluster")
            return
        self._let(True)
        problem = Problem.of(error)
        if isinstance(error, RhError) and error.code == "exists" and self._entry is None:
            self.second.show_name_problem(problem)
            self.name.setFocus()
        elif isinstance(error, RhError) and error.code == "exists" and self._entry is not None:
            words = "Close it and open it again; what you see here is not saved."
            here = Problem(f"{self._entry.name} was changed on disk while this dialog was open.", words)
            self.show_problem(here if self._entry.path is not None else kept_problem(self._entry.name))
        else:
            self._refuse(problem)

    def _refuse(self, problem: Problem) -> None:
        """Say what a cloud has said: at its field, until that says something else; in whole below."""
        line = self.form.lines.get(problem.field)
        if line is not None:
            self._refused = (problem.field, line.text, problem.sentence)
            self.form.show_error(problem.field, problem.sentence)
            problem = Problem(problem.remedy or problem.sentence, "", problem.detail)
        self.show_problem(problem)


def _filter_of(document: ClusterDocument) -> OfferFilter:
    """What to look for so that the offers for a document are in sight."""
    kind, _, count = (document.instance_type or "").rstrip("+").partition(":")
    number: Any = float(count) if count.replace(".", "", 1).isdigit() else 0
    cloud = document.provider if document.provider not in (None, "cheapest") else ""
    if not count:
        return OfferFilter(cloud=cloud or "", region=document.region or "")
    if kind.upper() == "CPU":
        kind, number = "CPU", 0
    return OfferFilter(kind, number, cloud or "", document.region or "", spot=bool(document.use_spot))
