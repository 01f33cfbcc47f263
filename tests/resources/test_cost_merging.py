"""When clusters were up, out of facts in any order; every second once, and no money out of a clock that was set."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rhresources.costs.charges import charges_of
from rhresources.costs.facts import Instance, Interval, Known, Life, RunFact, Sighting
from rhresources.costs.merging import spans_of

CLOUD = Life("hash", "~/a100")
OWN = Life("own:~/box", "~/box", kind="own")
DAY = 86_400.0
NOW = 1_000_000.0


def up(at: float, price: float | None = 1.0, since: float = 0.0, until: float | None = None) -> Sighting:
    return Sighting("up", at, at if until is None else until, price, since)


def down(at: float, *, exact: bool = False) -> Sighting:
    return Sighting("down", at, at, exact=exact)


def read(at: float, price: float | None = None) -> Sighting:
    return Sighting("read", at, at, price)


def told(start: float, end: float | None, read_at: float | None = None) -> Interval:
    at = NOW if read_at is None else read_at
    return Interval(start, end, at, at if end is not None else 0.0)


def times(known: Known, now: float = NOW) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in spans_of(known, now)]


# ------------------------------------------------------------ what SkyPilot says


def test_that_skypilots_times_win_over_what_was_seen() -> None:
    seen = (up(1010, until=1790), down(1830), read(1900))
    known = Known(CLOUD, seen, (told(1000, 1800, 1900),))
    assert times(known) == [(1000, 1800)]
    assert not spans_of(known, NOW)[0].estimated


def test_that_what_was_seen_since_skypilot_was_read_counts() -> None:
    known = Known(CLOUD, (up(1010, until=2000), read(1500), down(2100)), (told(1000, None, 1500),))
    assert times(known) == [(1000, 2100)]
    again = Known(CLOUD, (*known.sightings, up(3000, since=2950, until=3100)), known.intervals)
    assert times(again, now=3200) == [(1000, 2100), (2950, 3200)]


def test_that_one_which_is_up_goes_on_while_nobody_looks_and_says_that_this_is_a_guess() -> None:
    known = Known(CLOUD, (up(1000, since=990),))
    (span,) = spans_of(known, 1000 + DAY)
    assert (span.start, span.end, span.is_open, span.estimated) == (990, 1000 + DAY, True, True)
    assert span.seen_until == 1000


def test_that_a_launch_which_failed_costs_nothing_unless_skypilot_says_so() -> None:
    gone = Life("hash", "~/a100", ended=True)
    assert times(Known(gone, (read(1900),), (told(1000, None),))) == []
    assert times(Known(gone, (read(1900),), ())) == []
    said = Known(gone, (Sighting("trying", 1010, 1080), read(1900)), (told(1000, 1090),))
    assert [(span.start, span.end, span.estimated) for span in spans_of(said, NOW)] == [(1000, 1090, True)]


def test_that_an_end_which_skypilot_forgot_is_bounded_by_what_was_seen() -> None:
    gone = Life("hash", "~/a100", ended=True)
    known = Known(gone, (up(1100), Sighting("gone", 5000, 5000), read(9000)), (told(1000, None, 1050),))
    (span,) = spans_of(known, NOW)
    assert (span.start, span.end, span.seen_until, span.estimated) == (1000, 5000, 1100, True)


def test_that_an_end_which_was_found_much_later_is_a_guess_and_one_that_was_asked_for_is_none() -> None:
    found = Known(CLOUD, (up(1010, until=1200), down(9050), read(9060)), (told(1000, 9000, 9060),))
    (span,) = spans_of(found, NOW)
    assert (span.end, span.seen_until, span.estimated) == (9000, 1200, True)
    asked = Known(CLOUD, (up(1010, until=1200), down(9005, exact=True), read(9060)), found.intervals)
    assert not spans_of(asked, NOW)[0].estimated
    elsewhere = Known(CLOUD, (read(9060),), found.intervals)
    assert not spans_of(elsewhere, NOW)[0].estimated, "never seen from here: SkyPilot's word is all there is"


def test_that_taking_down_a_stopped_cluster_makes_no_time_up_of_its_stop() -> None:
    """SkyPilot then moves the end of its last interval to the moment when it was taken down."""
    known = Known(CLOUD, (up(1010, until=1980), down(2000), read(90_010)), (told(1000, 90_000, 90_010),))
    assert [(span.start, span.end, span.estimated) for span in spans_of(known, NOW)] == [(1000, 2000, False)]


def sleepy(at: float, minutes: float) -> Sighting:
    return replace(up(at, until=at + 100), autostop=minutes)


def test_that_autostop_bounds_an_end_that_nobody_saw_and_runs_put_it_off() -> None:
    """The computer was closed on Friday, and our own SkyPilot with it; on Monday it found the cluster stopped."""
    friday, monday = 1100.0, 1100.0 + 2.5 * DAY
    known = Known(CLOUD, (sleepy(1000, 30), down(monday), read(monday)), (told(990, monday, monday),))
    (span,) = spans_of(known, NOW)
    assert (span.end, span.seen_until, span.estimated) == (friday + 33 * 60, friday, True)
    later = [RunFact("a", "~/a100", "f", 1050, 9000), RunFact("b", "~/a100", "f", 9100, 20_000)]
    assert spans_of(known, NOW, later)[0].end == 20_000 + 33 * 60
    assert spans_of(known, NOW, [RunFact("a", "~/a100", "f", 1050)])[0].end == monday, "it may have run all the time"
    never = replace(known, sightings=(sleepy(1000, -1), *known.sightings[1:]))
    assert spans_of(never, NOW)[0].end == monday


def test_that_a_teams_skypilot_which_looked_all_the_time_is_believed() -> None:
    at = 1000.0 + DAY
    interval = Interval(990, at, at, at, watched=True)
    (span,) = spans_of(Known(CLOUD, (sleepy(1000, 30), down(at), read(at)), (interval,)), NOW)
    assert (span.end, span.estimated) == (at, False)


def test_that_one_which_nobody_looked_at_is_not_called_up_when_it_must_have_stopped() -> None:
    (span,) = spans_of(Known(CLOUD, (sleepy(1000, 10),)), 1000 + DAY)
    assert (span.end, span.is_open, span.estimated) == (1100 + 13 * 60, False, True)


# ------------------------------------------------------------ clocks


def test_that_a_clock_set_forward_under_skypilot_invents_nothing() -> None:
    """SkyPilot on this machine writes the end by the wrong clock; it was read when the steady one said 1805."""
    known = Known(CLOUD, (up(1010, until=1790), read(1805)), (told(1000, 1800 + DAY, 1805),))
    (span,) = spans_of(known, NOW)
    assert (span.start, span.end, span.estimated) == (1000, 1805, True)
    whole = Known(CLOUD, (read(1805),), (told(1000 + DAY, 1800 + DAY, 1805),))
    assert sum(end - start for start, end in times(whole)) <= 805


def test_that_a_clock_set_back_under_skypilot_invents_nothing_and_loses_nothing() -> None:
    known = Known(CLOUD, (up(1010, until=1790), read(1805)), (told(1000, 1800 - DAY, 1805),))
    (span,) = spans_of(known, NOW)
    assert (span.start, span.end, span.estimated) == (1000, 1790, True)


# ------------------------------------------------------------ machines of one's own


def test_that_a_server_with_the_same_start_was_up_while_the_window_was_closed() -> None:
    known = Known(OWN, (up(1000, since=900), up(1000 + DAY, since=900)))
    assert times(known, now=1010 + DAY) == [(900, 1010 + DAY)]


def test_that_a_server_which_ended_unseen_is_counted_until_it_was_last_seen() -> None:
    known = Known(OWN, (up(1000, since=900), up(1000 + DAY, since=500 + DAY)))
    first, second = spans_of(known, 1010 + DAY)
    assert (first.start, first.end, first.estimated) == (900, 1000, True)
    assert (second.start, second.estimated) == (500 + DAY, False)
    assert times(Known(OWN, (up(1000, since=900),)), now=DAY) == [(900, 1000)], "the computer may have been off since"


# ------------------------------------------------------------ ten cycles, and any order


def cycles(count: int = 10) -> tuple[list[Sighting], list[Interval], float]:
    """Ten times up and down, seen now and then; SkyPilot was read twice. Also how long it was up in truth."""
    sightings, intervals, truth, at = [], [], 0.0, 10_000.0
    for number in range(count):
        start, end = at, at + 700 + 31 * number
        if number % 3:  # the window was closed through every third
            sightings += [up(start + 20, 2.0, since=start), up(end - 40, 2.0, since=start)]
            sightings.append(down(end + 5, exact=True))
        intervals.append((start, end))
        truth += end - start
        at = end + 5000
    middle = intervals[4][1] + 10
    told_then = [told(start, end, middle if end < middle else at) for start, end in intervals]
    return [*sightings, read(middle, 2.0), read(at, 9.0)], told_then, truth


def test_that_ten_cycles_add_up_to_the_second_at_the_price_of_their_time() -> None:
    sightings, intervals, truth = cycles()
    for seed in range(20):
        shuffle = random.Random(seed).shuffle
        shuffle(sightings)
        shuffle(intervals)
        charges = charges_of([Known(CLOUD, tuple(sightings), tuple(intervals))], [], NOW)
        assert sum(charge.end - charge.start for charge in charges) == truth
        assert round(sum(charge.amount for charge in charges), 9) == round(truth * 2.0 / 3600, 9)


moments = st.integers(0, 100_000).map(float)
prices = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 32.77]))
sightings = st.builds(
    lambda seen, first, length, price, since, exact, autostop: Sighting(
        seen, first, first + length, price, since, exact, autostop
    ),
    st.sampled_from(["trying", "up", "down", "gone", "read"]),
    moments,
    st.sampled_from([0.0, 0.0, 30.0, 900.0, 20_000.0]),
    prices,
    st.one_of(st.just(0.0), moments),
    st.booleans(),
    st.sampled_from([-1.0, -1.0, 10.0]),
)
intervals = st.builds(
    lambda start, length, read_at: Interval(start, None if length is None else start + length, read_at, read_at),
    moments,
    st.one_of(st.none(), st.integers(-50_000, 50_000)),
    moments,
)
lives = st.builds(
    Life, st.just("x"), st.just("~/x"), st.sampled_from(["cloud", "own"]), st.integers(1, 3), ended=st.booleans()
)
instances = st.builds(
    lambda id, launched, length, seen, missed: Instance(
        id, launched, None if length is None else launched + length, launched + seen, launched + missed if missed else 0
    ),
    st.sampled_from(["i-1", "i-2", "i-3"]),
    moments,
    st.one_of(st.none(), st.integers(0, 30_000)),
    st.integers(0, 20_000),
    st.sampled_from([0, 0, 500, 40_000]),
)
runs = st.builds(
    lambda id, start, length: RunFact(str(id), "~/x", f"f{id % 3}", start, 0.0 if length is None else start + length),
    st.integers(0, 50),
    moments,
    st.one_of(st.none(), st.integers(0, 30_000)),
)


@given(
    lives,
    st.lists(sightings, max_size=12),
    st.lists(intervals, max_size=6, unique_by=lambda each: each.start),
    st.lists(instances, max_size=5, unique_by=lambda each: (each.id, each.launched)),
    st.booleans(),
    st.lists(runs, max_size=8, unique_by=lambda each: each.id),
    st.integers(50_000, 150_000).map(float),
    st.randoms(use_true_random=False),
)
def test_whatever_was_seen_no_second_counts_twice_and_order_is_no_matter(
    life: Life,
    seen: list[Sighting],
    said: list[Interval],
    told: list[Instance],
    unasked: bool,
    ran: list[RunFact],
    now: float,
    chance: random.Random,
) -> None:
    known = Known(life, tuple(seen), tuple(said), tuple(told), unasked)
    spans = spans_of(known, now, sorted((run for run in ran if run.started > 0), key=lambda run: run.started))
    assert all(span.start < span.end <= now and span.start <= span.seen_until <= span.end for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))
    charges = charges_of([known], ran, now)
    assert all(charge.amount >= 0 and charge.end > charge.start for charge in charges)
    assert all(before.end <= after.start for before, after in pairwise(charges))
    up_for = sum(span.end - span.start for span in spans)
    assert abs(sum(charge.end - charge.start for charge in charges) - up_for) < 1e-6
    for run in ran:
        shared = sum(charge.end - charge.start for charge in charges if run in charge.runs)
        assert shared <= (run.ended - run.started if run.ended else up_for) + 1e-6
    for facts in (seen, said, told, ran):
        chance.shuffle(facts)  # type: ignore[arg-type]
    again = charges_of([Known(life, tuple(seen), tuple(said), tuple(told), unasked)], ran, now)
    assert [(each.start, each.end, each.amount) for each in again] == [
        (each.start, each.end, each.amount) for each in charges
    ]
