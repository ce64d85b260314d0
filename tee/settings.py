"""The tee's settings (`service.settings_file` reads them)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TeeSettings:
    """``*_bytes`` bytes, ``*_s`` seconds."""

    memory_bytes: int
    """Memory for copies; from half of it on they move to the spool."""
    spool_dir: str
    """Directory of the spool file."""
    spool_bytes: int
    """The spool file's size at most; 0: there is none."""
    room_wait_s: float
    """How long the copying of one direction may wait, and with it what is passed on, while memory is full and the spool's thread makes room."""
    drain_s: float
    """How long open exchanges may go on after SIGTERM."""
