"""What an installer says becomes one sentence; what a program of the host printed meanwhile stays in the detail."""

from rhresources.reach.bring_up.problems import not_installed

BROKEN_PYTHON = [
    "error: Failed to inspect Python interpreter from first executable in the search path at `/opt/old/python3`",
    "  Caused by: Querying Python at `/opt/old/python3` failed with exit status exit status: 1",
    "",
    "  [stderr]",
    "  Traceback (most recent call last):",
    '    File "<string>", line 13, in <module>',
    "  KeyError: 'platform'",
]


def test_a_traceback_on_the_host_is_no_part_of_the_sentence() -> None:
    error = not_installed(
        "gpu1", "environment", BROKEN_PYTHON, python="3.11", wheels="", pythons=["3.9.18"], fetched=True
    )
    assert error.sentence == (
        "gpu1 has only Python 3.9.18; 3.11 or newer is needed, and uv could not fetch one: Failed to inspect Python "
        "interpreter from first executable in the search path at `/opt/old/python3`: Querying Python at "
        "`/opt/old/python3` failed with exit status exit status: 1."
    )
    assert "KeyError" in error.detail


def test_a_long_story_ends_at_a_word() -> None:
    output = ["error: " + "it went wrong because " * 40]
    error = not_installed("gpu1", "environment", output, python="3.11", wheels="", pythons=[], fetched=False)
    assert len(error.sentence) < 400
    assert error.sentence.endswith((" it.", " went.", " wrong.", " because."))
