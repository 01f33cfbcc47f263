"""A cluster in a cloud as a form: what, how many, where, at which kind of price, and when it stops by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rhdesk.desktop.forms.autostop_field import AutostopField
from rhdesk.desktop.forms.form_line import FormLine
from rhdesk.desktop.widgets.base import Button, ChipRow, Label, column_of, row_of
from rhresources.cloud import limits

CHEAPEST = "cheapest"
_OWN = ("instance_type", "num_instances", "provider", "region", "use_spot", "autostop_mins", "autostop_down")
_MORE = ("image_id", "disk_size", "labels", "price_per_hour", "description")


class CloudForm(QWidget):
    """Edits the fields of a cluster of type cloud. `changed` comes with every change by the person.

    Signals:
        choose_asked: other hardware is to be chosen.
    """

    changed = Signal()
    choose_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._base: dict[str, Any] = {}
        self._provider = ""  # the cloud of the settings; "" is the cheapest
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        self.instance = FormLine("instance_type", "Hardware of a host", "A100:4, CPU:8+ or m5.xlarge")
        self.choose = Button("Choose…", "", "list", self.choose_asked.emit)
        self.choose.setObjectName("cloud-choose")
        self.hosts = FormLine("num_instances", "Hosts", "1")
        self.hosts.setFixedWidth(72)
        top = row_of(self.instance, column_of(Label(" "), self.choose, None, spacing=4), self.hosts, spacing=8)
        top.setStretch(0, 1)
        column.addLayout(top)
        self.cloud = FormLine("provider", "Cloud", "Wherever it is cheapest")
        self.region = FormLine("region", "Region", "Any")
        both = row_of(self.cloud, self.region, spacing=12)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        column.addLayout(both)
        self.spot = ChipRow()
        self.spot.set_chips([("no", "On demand"), ("yes", "Spot instances")])
        self._about_spot = Label("", "faint", wrap=True)
        column.addLayout(column_of(Label("Price", "strong"), row_of(self.spot, None), self._about_spot, spacing=4))
        self.autostop = AutostopField()
        self._autostop_error = Label("", "error", wrap=True)
        self._autostop_error.hide()
        column.addLayout(
            column_of(Label("When nothing runs on it", "strong"), self.autostop, self._autostop_error, spacing=4)
        )
        self._more = Button("More", "link", "chevron-right", self._toggle_more)
        self._more.setProperty("flush", True)
        column.addLayout(row_of(self._more, None))
        self._rest = QWidget()
        rest = QVBoxLayout(self._rest)
        rest.setContentsMargins(0, 0, 0, 0)
        rest.setSpacing(14)
        self.image = FormLine("image_id", "Image", "SkyPilot's own")
        self.disk = FormLine("disk_size", "Disk, GB", "The cloud's usual")
        self.labels = FormLine(
            "labels", "Labels", "None; else team=vision, project=x", about="Of the hosts and of costs."
        )
        self.price = FormLine("price_per_hour", "Price per hour", "What SkyPilot says", about="US dollars, all hosts.")
        self.description = FormLine("description", "Description")
        for one, other in ((self.image, self.disk), (self.labels, self.price)):
            pair = row_of(one, other, spacing=12)
            pair.setStretch(0, 1)
            pair.setStretch(1, 1)
            rest.addLayout(pair)
        rest.addWidget(self.description)
        self._rest.hide()
        column.addWidget(self._rest)
        column.addStretch(1)
        self.lines = {
            line.name: line
            for line in (self.instance, self.hosts, self.cloud, self.region, self.image, self.disk, self.labels,
                         self.price, self.description)
        }  # fmt: skip
        for name, line in self.lines.items():
            line.line.setObjectName(f"cloud-{name}")
            line.changed.connect(self._told)
        self.spot.chosen.connect(lambda key: self._told())
        self.autostop.changed.connect(self._told)
        self._follow()

    # ------------------------------------------------------------ the values

    def set_values(
        self, values: Mapping[str, Any], *, autostop: tuple[int, bool], spot: bool, provider: str = CHEAPEST
    ) -> None:
        """Show a document as plain values; `autostop`, `spot` and `provider` are what it gets where it says nothing."""
        self._base = dict(values)
        self._provider = "" if provider == CHEAPEST else provider
        if self._provider:
            self.cloud.line.setPlaceholderText(f"{self._provider}, by the settings")
        for name, line in self.lines.items():
            found = values.get(name)
            if name == "labels":
                found = ", ".join(f"{key}={value}" for key, value in (found or {}).items())
            line.set_text("" if found is None else f"{found:g}" if isinstance(found, float) else str(found))
        if self.cloud.text == CHEAPEST:
            self.cloud.set_text("")
        minutes = values.get("autostop_mins")
        down = values.get("autostop_down")
        self.autostop.set_value(
            autostop[0] if minutes is None else int(minutes), autostop[1] if down is None else bool(down)
        )
        self.spot.choose("yes" if (spot if values.get("use_spot") is None else values["use_spot"]) else "no")
        if any(self.lines[name].text for name in _MORE):
            self._open_more()
        self._follow()

    def set_offer(self, instance: str, cloud: str, region: str, spot: bool) -> None:
        """Take over an offer."""
        self.instance.set_text(instance)
        self.cloud.set_text(cloud)
        self.region.set_text(region)
        self.spot.choose("yes" if spot else "no")
        self._told()

    def values(self) -> dict[str, Any]:
        """The plain values of the document, right or wrong. What is asked for is said whole, not left to settings."""
        made: dict[str, Any] = {"kind": "cluster", "type": "cloud"}
        made |= {name: value for name, value in self._base.items() if name not in (*_OWN, *_MORE)}
        texts = {name: line.text for name, line in self.lines.items()}
        autostop = self.autostop.value()
        made |= {
            "description": texts["description"],
            "instance_type": texts["instance_type"],
            "num_instances": _whole(texts["num_instances"]),
            "provider": texts["provider"],
            "region": texts["region"],
            "use_spot": self.is_spot,
            "autostop_mins": autostop[0] if autostop is not None else self.autostop.minutes.text(),
            "autostop_down": autostop[1] if autostop is not None and autostop[0] >= 0 else None,
            "image_id": texts["image_id"],
            "disk_size": _whole(texts["disk_size"]),
            "labels": _labels(texts["labels"]),
            "price_per_hour": _number(texts["price_per_hour"]),
        }
        return {name: value for name, value in made.items() if value not in ("", None) and value != {}}

    @property
    def host_count(self) -> int:
        """How many hosts are asked for; 1 while that is no number."""
        count = _whole(self.hosts.text)
        return count if isinstance(count, int) and count > 0 else 1

    @property
    def is_spot(self) -> bool:
        return self.spot.current == "yes"

    # ------------------------------------------------------------ what is said of them

    def show_errors(self, problems: Sequence[tuple[str, str]]) -> list[str]:
        """Put (field, message) at their fields. Returns the messages that have none here."""
        at: dict[str, str] = {}
        stray = []
        for field, message in problems:
            name = field.split("[")[0].split(".")[0]
            if name in self.lines or name in ("autostop_mins", "autostop_down"):
                at.setdefault(name, message)
            else:
                stray.append(f"{field}: {message}" if field else message)
        several = limits.why_not(self.cloud.text, "several_hosts") if self.host_count > 1 else ""
        if several:
            at.setdefault("num_instances", several)
        if self.image.text and (reason := limits.why_not(self.cloud.text, "image")):
            at.setdefault("image_id", reason)
        for name, line in self.lines.items():
            line.show_error(at.get(name, ""))
        words = at.get("autostop_mins") or at.get("autostop_down") or ""
        if self.autostop.value() is None:
            words = "Minutes are a whole number, 1 or more."
        self._autostop_error.setText(words)
        self._autostop_error.setVisible(bool(words))
        if any(name in at for name in _MORE):
            self._open_more()
        return stray

    def show_error(self, field: str, message: str) -> bool:
        """Say at a field what a cloud said of it. False: there is no such field here."""
        if field not in self.lines:
            return False
        self.lines[field].show_error(message)
        self.lines[field].line.setFocus()
        if field in _MORE:
            self._open_more()
        return True

    @property
    def errors(self) -> dict[str, str]:
        """What is said to be wrong, by field."""
        found = {name: line.error for name, line in self.lines.items() if line.error}
        return found if self._autostop_error.isHidden() else {**found, "autostop_mins": self._autostop_error.text()}

    def focus_error(self) -> None:
        """Go to the first field that is wrong."""
        wrong = next((line for line in self.lines.values() if line.error), None)
        (wrong.line if wrong is not None else self.autostop).setFocus()

    # ------------------------------------------------------------ inside

    def _told(self) -> None:
        self._follow()
        self.changed.emit()

    def _follow(self) -> None:
        """What a cloud cannot do is greyed with the reason."""
        cloud = self.cloud.text or self._provider
        reason = limits.why_not(cloud, "spot")
        self.spot.chip("yes").allow(reason)
        if reason and self.is_spot:
            self.spot.choose("no")
        words = "Cheaper, and may be taken away at any time." if self.is_spot else reason
        self._about_spot.setText(words)
        self._about_spot.setVisible(bool(words))
        self.autostop.set_cloud(cloud, self.is_spot)

    def _toggle_more(self) -> None:
        if self._rest.isHidden():
            self._open_more()
        else:
            self._rest.hide()
            self._more.set_icon("chevron-right")

    def _open_more(self) -> None:
        self._rest.show()
        self._more.set_icon("chevron-down")


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _number(text: str) -> float | str:
    try:
        return float(text.lstrip("$ ").replace(",", ".")) if text else ""
    except ValueError:
        return text


def _labels(text: str) -> dict[str, str] | str:
    """`a=b, c=d` as a mapping; what is no such list stays as it is, for the document to say so."""
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    if all(equals for _, equals, _ in pairs):
        return {name.strip(): value.strip() for name, _, value in pairs}
    return text
