"""When something that happens again and again is worth a line in the log."""


def is_rare(count: int) -> bool:
    """For the 1st, 2nd, 4th, 8th ... time."""
    return count & (count - 1) == 0
