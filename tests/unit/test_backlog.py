"""What the log says of a backlog."""

from agent.backlog import Backlog, BacklogReport

NONE = Backlog(0, 0, 0, 0, 0.0, 0.0)
FAR = Backlog(under_way=64, for_order=7, for_connections=120, for_shadow=0, lag_s=95.0, waited_s=34.2)


def test_it_says_how_far_behind_the_shadow_is_and_what_the_requests_wait_for() -> None:
    assert BacklogReport().line(FAR, 0.0) == (
        "the shadow is 34 s behind: 64 under way, 7 waiting for requests before them, "
        "120 held back by CAPTURE_MIRROR_CONNECTIONS, or while the shadow catches up"
    )
    away = Backlog(under_way=0, for_order=0, for_connections=0, for_shadow=3, lag_s=11.0, waited_s=11.0)
    assert BacklogReport().line(away, 0.0) == (
        "the shadow is 11 s behind: 3 waiting for the shadow, which can't be reached"
    )


def test_a_slow_request_by_itself_is_no_backlog() -> None:
    assert BacklogReport().line(Backlog(3, 0, 0, 0, 250.0, 0.0), 0.0) is None


def test_a_short_wait_is_not_worth_a_line() -> None:
    assert BacklogReport().line(FAR._replace(waited_s=9.9), 0.0) is None


def test_a_line_is_repeated_once_a_minute_and_the_end_is_said_once() -> None:
    report = BacklogReport()
    said = [now for now in range(181) if report.line(FAR, float(now))]
    assert said == [0, 60, 120, 180]
    assert report.line(NONE, 181.0) == "the shadow has caught up"
    assert report.line(NONE, 182.0) is None
    # The next time it is said at once.
    assert report.line(FAR, 183.0) is not None


def test_nothing_is_said_while_the_shadow_is_never_behind() -> None:
    report = BacklogReport()
    assert [report.line(NONE, float(now)) for now in range(100)] == [None] * 100


def test_what_has_just_begun_to_wait_for_a_slow_request_is_no_backlog() -> None:
    report = BacklogReport()
    short = Backlog(under_way=1, for_order=1, for_connections=0, for_shadow=0, lag_s=60.0, waited_s=0.3)
    alone = Backlog(under_way=1, for_order=0, for_connections=0, for_shadow=0, lag_s=60.0, waited_s=0.0)
    assert [report.line(backlog, 0.0) for backlog in (short, alone) * 10] == [None] * 20
