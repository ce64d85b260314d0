"""Signals: the first one breaks off where that is allowed, and nothing breaks into the cleaning up."""

import os
import signal

import pytest

from capture.demo.interruptions import Interruptions


def send(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_ctrl_c_breaks_off_and_the_cleaning_up_is_left_alone() -> None:
    interruptions = Interruptions()
    cleaned = []

    def demo() -> None:
        try:
            with interruptions.raising():
                send()
                pytest.fail("not broken off")
        finally:
            send()
            send(signal.SIGTERM)
            cleaned.append(True)

    with interruptions.installed(), pytest.raises(KeyboardInterrupt):
        demo()
    assert cleaned
    assert interruptions.signals == [signal.SIGINT, signal.SIGINT, signal.SIGTERM]
    assert interruptions.broke_off


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_with_their_number(number: int) -> None:
    interruptions = Interruptions()
    with interruptions.installed(), pytest.raises(SystemExit) as ended, interruptions.raising():
        send(number)
    assert ended.value.code == 128 + number


def test_a_held_block_is_not_torn() -> None:
    interruptions = Interruptions()
    done = []

    def demo() -> None:
        with interruptions.raising():
            with interruptions.held():
                send()
                done.append(True)
            pytest.fail("not broken off")

    with interruptions.installed(), pytest.raises(KeyboardInterrupt):
        demo()
    assert done


def test_a_signal_that_came_before_breaks_off_at_once() -> None:
    interruptions = Interruptions()
    with interruptions.installed():
        send()
        with pytest.raises(KeyboardInterrupt), interruptions.raising():
            pytest.fail("not broken off")


def test_a_signal_in_the_cleaning_up_alone_counts_in_the_end() -> None:
    interruptions = Interruptions()
    with interruptions.installed():
        with interruptions.raising():
            pass
        send(signal.SIGTERM)
        assert not interruptions.broke_off
        with pytest.raises(SystemExit) as ended:
            interruptions.break_off()
    assert ended.value.code == 143


def test_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruptions().installed():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
