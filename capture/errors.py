"""What can go wrong on the host side, and the exit code that each of it ends a command with.

====  ====================================================================================
code  meaning
====  ====================================================================================
0     done
1     something failed that is none of the below; the message says what and what to try
2     the input can't be used: an option, a value or a file; nothing was built or written
3     no Docker engine answers
4     an image build failed; the end of its output was shown, and where the rest is
5     no cluster answers at the target of the generated traffic
130   interrupted (Ctrl+C); 143 when by SIGTERM. What had been begun was removed
====  ====================================================================================
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command (the table above)."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    NO_ENGINE = 3
    BUILD_FAILED = 4
    NO_TARGET = 5
    INTERRUPTED = 130
    TERMINATED = 143


class CaptureError(Exception):
    """Base of the host side's own errors."""


class UserError(CaptureError):
    """Shown to the user without a traceback.

    ``str()`` is one line that says what could not be done and why, ``hint`` one line that says what to do, ``detail``
    may hold more lines (the end of a log), ``exit_code`` is what a command ends with.
    """

    def __init__(
        self, message: str, *, hint: str, exit_code: ExitCode = ExitCode.FAILED, detail: str = ""
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code
        self.detail = detail


def bad_input(message: str, hint: str) -> UserError:
    """The error for input that can't be used (exit code 2)."""
    return UserError(message, hint=hint, exit_code=ExitCode.BAD_INPUT)
