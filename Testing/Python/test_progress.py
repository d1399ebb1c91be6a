"""Progress: one percentage that never falls, a time left that follows what was measured, lines a program can parse."""

from __future__ import annotations

import io
import json

import pytest

from CT2MRSynthLib.progress import Events, Progress, Terminal


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def events_of(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_percentage_never_falls_and_ends_at_100(clock):
    stream = io.StringIO()
    progress = Progress([Events(stream)], clock=clock, every=0)
    stages = [progress.expect("read", 4), progress.expect("write", 1), progress.expect("write", 1)]
    for stage in stages:
        with progress.stage(stage, "working") as advance:
            for fraction in (0.2, 0.1, 0.9, 1.0):
                clock.now += 1
                advance(fraction)
        progress.expect("late", 3)  # what comes to light later must not push the percentage back
    progress.end(0, "report.json")
    percents = [event["percent"] for event in events_of(stream) if event["event"] == "progress"]
    assert percents == sorted(percents)
    assert percents[-1] == 100.0
    assert max(percents[:-1]) < 100.0


def test_time_left_follows_the_pace_measured_for_the_kind_of_stage(clock):
    progress = Progress(clock=clock)
    first, *rest = [progress.expect("synthesize", 1.0) for _ in range(4)]
    assert progress.position() == (0.0, None)
    with progress.stage(first, "synthesizing"):
        clock.now += 10  # ten times slower than expected
    percent, left = progress.position()
    assert percent == pytest.approx(25.0)
    assert left == pytest.approx(30.0)
    progress.drop(rest[0])  # complete already
    assert progress.position() == (pytest.approx(50.0), pytest.approx(20.0))


def test_time_left_within_a_stage_follows_its_own_fraction(clock):
    progress = Progress(clock=clock)
    stage = progress.expect("synthesize", 1.0)
    with progress.stage(stage, "synthesizing") as advance:
        clock.now += 8
        advance(0.25)
        assert progress.position()[1] == pytest.approx(24.0)


def test_a_failed_stage_does_not_set_the_pace(clock):
    progress = Progress(clock=clock)
    stages = [progress.expect("read", 2.0), progress.expect("read", 2.0)]
    with pytest.raises(OSError), progress.stage(stages[0], "reading"):
        clock.now += 100
        raise OSError
    assert progress.position() == (pytest.approx(50.0), None)


def test_heartbeat_comes_while_a_stage_says_nothing():
    stream = io.StringIO()
    with Progress([Events(stream)]) as progress, progress.stage(progress.expect("read", 60), "reading", ct="A"):
        import time

        until = time.monotonic() + 20
        while len(events_of(stream)) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    first, second = events_of(stream)[:2]
    assert first["stage"] == second["stage"] == "reading"
    assert second["percent"] > first["percent"] == 0
    assert second["ct"] == "A"


def test_a_log_file_gets_few_lines_and_no_carriage_returns(clock):
    stream = io.StringIO()
    progress = Progress([Terminal(stream)], clock=clock, every=0)
    with progress.stage(progress.expect("synthesize", 1), "synthesizing") as advance:
        for n in range(1000):
            advance(n / 1000)
    assert "\r" not in stream.getvalue()
    assert 5 <= len(stream.getvalue().splitlines()) <= 12


def test_a_terminal_gets_one_line_that_is_renewed(clock):
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Tty()
    progress = Progress([Terminal(stream)], clock=clock, every=0)
    with progress.stage(progress.expect("read", 1), "reading the CT", ct="a") as advance:
        clock.now += 90
        advance(0.5)
        progress.warn("Mind this.", ct="a")
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\rWarning: a: Mind this.\n")
    assert "about 1 min 30 s left" in text


def test_quiet_keeps_warnings_and_errors_only(clock):
    stream = io.StringIO()
    progress = Progress([Terminal(stream, quiet=True)], clock=clock, every=0)
    with progress.stage(progress.expect("read", 1), "reading the CT"):
        progress.warn("Outside.", ct="a", level="L4-L5")
        progress.fail("Broken.", ct="b")
        progress.result("written", {"volume": "v", "picture": "p", "sidecar": "s"}, ct="a", level="L4-L5")
    progress.end(1, "report.json")
    assert stream.getvalue().splitlines() == ["Warning: a L4-L5: Outside.", "Error: b: Broken."]
