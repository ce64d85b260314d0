"""What can go wrong here, as one line and a hint, with the exit code that it ends the container with.

====  =========================================================================
code  meaning
====  =========================================================================
0     every workload ended without an error
1     a workload failed, or had errors; the last lines say which
2     a setting can't be used; nothing was sent
130   interrupted (Ctrl+C); 143 when by SIGTERM (`docker stop`)
====  =========================================================================
"""

FAILED = 1
BAD_INPUT = 2
BY_SIGNAL = 128


class TrafficError(Exception):
    """Shown to the user without a traceback: ``str()`` says what could not be done and why, ``hint`` what to do."""

    def __init__(self, message: str, *, hint: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code
