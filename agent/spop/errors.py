"""What can be wrong with the peer's bytes, in SPOP's own numbers."""

NORMAL = 0
TOO_BIG = 3
INVALID = 4
NO_VERSION = 5
NO_MAX_FRAME_SIZE = 6
BAD_VERSION = 8
BAD_MAX_FRAME_SIZE = 9
FRAGMENTATION = 10


class SpopError(Exception):
    """The conversation can't go on; ``status`` is the code that the AGENT-DISCONNECT carries (SPOE.txt, 3.4)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
