"""What the benchmarks run on the cluster."""

from __future__ import annotations


def nothing() -> None:
    """Cost nothing."""


def size(data: bytes) -> int:
    """How many bytes arrived."""
    return len(data)


def print_lines(count: int) -> int:
    """Print `count` numbered lines of the length that training loops print."""
    for number in range(count):
        print("2026-01-01 12:00:00 INFO step", number, "loss 0.123456 some text in the line")
    return count


def print_tagged(tag: str, count: int) -> int:
    """Print `count` numbered lines that carry `tag`, a child process's among them."""
    import subprocess
    import sys

    for number in range(count):
        if number % 50_000 == 25_000:
            subprocess.run([sys.executable, "-c", f"print('{tag} {number} of a child')"], check=True)
        else:
            print(tag, number, "x" * (number % 60))
    return count


def sleep(seconds: float) -> float:
    """Be slow."""
    import time

    time.sleep(seconds)
    return seconds
