"""What a load depends on, as one frozen object that is checked when it is made."""

import difflib
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from capture.errors import bad_input
from traffic.mix import Mix, MixError, parse_mix
from traffic.operations import OPERATIONS
from traffic.schedule import ARRIVALS, count_due
from traffic.target import Target, TargetError, parse_target

DEFAULT_TARGET = "http://localhost:80"
DEFAULT_MIX = "search=70,get=20,bulk=10"

# Elasticsearch reference, "Create index", index names.
_INDEX = re.compile(r"(?![-_+.])[^A-Z\\/*?\"<>| ,#:\x00-\x1f]{1,}")
_DURATION = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[smhd]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, kw_only=True)
class TrafficSettings:
    """One load.

    Raises:
        UserError: (exit code 2) a value out of its range, or values that don't go together.
    """

    target: Target = field(default_factory=lambda: parse_target(DEFAULT_TARGET))
    """The cluster, or a proxy in front of it."""
    rate: float = 100.0
    """Requests per second, above 0."""
    duration_s: float = 60.0
    """For how long requests are due, above 0."""
    mix: Mix = field(default_factory=lambda: parse_mix(DEFAULT_MIX, OPERATIONS))
    """Of what."""
    arrivals: str = "constant"
    """``constant`` intervals, or ``poisson`` arrivals."""
    connections: int = 64
    """At most so many at once, 1 to 1000."""
    seed: int = 1
    """The same seed, the same requests."""
    index: str = "generated-traffic"
    """The index that they are about."""
    documents: int = 10_000
    """How many are in it from the beginning, up to 100 million."""
    bulk_size: int = 100
    """Documents in a bulk, 1 to 100000."""
    timeout_s: float = 30.0
    """How long an answer may take."""
    clean_up: bool = False
    """Remove the index in the end."""
    ca: Path | None = None
    """Certificates to trust instead of the system's."""
    insecure: bool = False
    """Trust any certificate."""

    def __post_init__(self) -> None:
        for option, value in (
            ("--rate", self.rate),
            ("--duration", self.duration_s),
            ("--timeout", self.timeout_s),
        ):
            if not (math.isfinite(value) and value > 0):
                raise bad_input(f"{option} is {value:g}", "it is a number above 0")
        for option, number, low, high in (
            ("--connections", self.connections, 1, 1000),
            ("--documents", self.documents, 0, 100_000_000),
            ("--bulk-size", self.bulk_size, 1, 100_000),
        ):
            if not low <= number <= high:
                raise bad_input(f"{option} is {number}", f"it is a number from {low} to {high}")
        if count_due(self.rate, self.duration_s) < 1:
            raise bad_input(
                f"no request is due in {self.duration_s:g} s at {self.rate:g}/s",
                "a higher --rate, or a longer --duration",
            )
        if self.arrivals not in ARRIVALS:
            near = difflib.get_close_matches(self.arrivals, ARRIVALS, n=1)
            raise bad_input(
                f"--arrivals: there is no '{self.arrivals}'",
                f"did you mean '{near[0]}'?" if near else f"it is one of: {', '.join(ARRIVALS)}",
            )
        if not _INDEX.fullmatch(self.index) or len(self.index.encode()) > 255:
            raise bad_input(
                f"--index: '{self.index}' is no name of an index",
                "up to 255 lower-case letters, digits, '-', '_' and '.', the first a letter or digit",
            )
        self._check_tls()

    def _check_tls(self) -> None:
        if not self.target.is_tls and (self.ca or self.insecure):
            raise bad_input(
                f"{'--ca' if self.ca else '--insecure'} is given, and the target is not https",
                f"--target {self.target.url.replace('http:', 'https:', 1)}",
            )
        if self.ca and self.insecure:
            raise bad_input("--ca and --insecure contradict each other", "give one of them")
        if self.ca and not self.ca.is_file():
            raise bad_input(f"--ca: there is no file '{self.ca}'", "name a file of certificates in PEM form")

    @property
    def due(self) -> int:
        """How many requests are due."""
        return count_due(self.rate, self.duration_s)


def read_target(text: str, user: str | None = None, password: str | None = None) -> Target:
    """Read a target, and who to be there if the target does not say it.

    Raises:
        UserError: (exit code 2) see `parse_target`; or a user without a password, or the other way round.
    """
    try:
        target = parse_target(text)
    except TargetError as error:
        raise bad_input(f"--target: {error}", error.hint) from error
    user = user if user is not None else target.user
    password = password if password is not None else target.password
    if (user is None) != (password is None):
        given, missing = ("user", "password") if password is None else ("password", "user")
        raise bad_input(
            f"there is a {given} and no {missing}",
            f"--{missing}, or CAPTURE_TRAFFIC_{missing.upper()} in the environment",
        )
    return Target(target.url, user, password)


def read_mix(text: str) -> Mix:
    """Read a mix of `OPERATIONS`.

    Raises:
        UserError: (exit code 2) see `parse_mix`.
    """
    try:
        return parse_mix(text, OPERATIONS)
    except MixError as error:
        raise bad_input(f"--mix: {error}", error.hint) from error


def read_duration_s(option: str, text: str) -> float:
    """Read a time: seconds, or a number with ``s``, ``m``, ``h`` or ``d`` behind it.

    Raises:
        UserError: (exit code 2) it is none.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise bad_input(f"{option}: '{text}' is no time", "write it as 60, 90s, 10m or 8h")
    return float(match["number"]) * _UNIT_S[match["unit"]]
