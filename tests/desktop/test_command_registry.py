"""Commands: search, recency, and refusal with a reason."""

from __future__ import annotations

from rhdesk.core.commands import Command, Registry, fuzzy


def make(registry: Registry, *titles: str) -> list[str]:
    ran: list[str] = []
    registry.add(*(Command(title.lower(), title, lambda title=title: ran.append(title)) for title in titles))
    return ran


def test_whole_words_are_found_before_scattered_letters() -> None:
    registry = Registry()
    make(registry, "Bring up ^local", "Show runs", "Overview", "Settings: units and prices")
    assert registry.search("up")[0].title == "Bring up ^local"
    assert registry.search("runs")[0].title == "Show runs"
    assert [command.title for command in registry.search("ovw")] == ["Overview"]
    assert registry.search("zzz") == []


def test_words_in_any_order_are_found() -> None:
    assert fuzzy("local up", "Bring up ^local") > 0
    assert fuzzy("train run", "Run ~/train") > fuzzy("train run", "Terminal")


def test_what_was_used_last_stands_first_when_nothing_is_typed() -> None:
    registry = Registry()
    ran = make(registry, "One", "Two", "Three")
    registry.run("three")
    registry.run("two")
    assert [command.title for command in registry.search("")] == ["Two", "Three", "One"]
    assert ran == ["Three", "Two"]


def test_a_command_that_cannot_be_done_says_why_and_does_nothing() -> None:
    registry = Registry()
    ran: list[str] = []
    registry.add(Command("down", "Take down", lambda: ran.append("x"), why_not=lambda: "It is not up."))
    assert registry.run("down") == "It is not up."
    assert ran == []
    assert "no command" in registry.run("unknown")


def test_resources_come_from_sources_each_time() -> None:
    registry = Registry()
    names = ["~/a"]
    registry.add_source(lambda: [Command(f"open:{name}", name, lambda: None) for name in names])
    assert [command.title for command in registry.search("~")] == ["~/a"]
    names.append("~/b")
    assert len(registry.search("~")) == 2
