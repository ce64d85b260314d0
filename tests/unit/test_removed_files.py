"""What is said about removed files, and when."""

from agent.removed_files import RemovedFiles


def test_many_removals_are_one_message_a_minute() -> None:
    removed = RemovedFiles(100, awaited=True)
    assert (removed.left_s(0.0), removed.message(0.0)) == (None, None)
    said: list[str] = []
    for second in range(1000):
        removed.add(f"log.{second}", 10)
        message = removed.message(float(second))
        if message is not None:
            said.append(message)
            assert removed.left_s(float(second)) is None
    assert len(said) == 17
    assert said[1].startswith("removed log.1 to log.60 before it was offloaded (600 bytes): ")
    assert said[1].endswith("; 61 files with 610 bytes were removed until now")
    assert removed.left_s(999.0) == 21.0
    assert removed.message(1020.0) is not None
    assert (removed.files, removed.bytes) == (1000, 10_000)
