"""The settings of a run, from environment variables, as one frozen object."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from traffic_gen.errors import BAD_INPUT, TrafficError

WORKLOADS = ("geonames", "http_logs", "nested", "nyc_taxis")
"""In the order in which they run."""

SOURCES = ("built-in", "official")
OFFICIAL_URL = "https://github.com/opensearch-project/opensearch-benchmark-workloads"

_HOST = re.compile(r"(?:https?://)?(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
# A name that is nearly one of ours is one of ours, misspelt; one that others use is further away.
_NEARLY = 0.85


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to send where. Each field is the environment variable of its name in capitals."""

    target_hosts: tuple[str, ...] = ("host.docker.internal:80",)
    """HOST:PORT of the cluster, or of the proxy in front of it; several are used in turn."""
    workloads: tuple[str, ...] = WORKLOADS
    """Which of the four, in this order."""
    workload_source: str = "built-in"
    """``built-in``: our own; ``official``: OpenSearch Benchmark's of the same names, in test mode."""
    official_url: str = OFFICIAL_URL
    """Where the official workloads are fetched from: that repository at GitHub, or a copy that answers the same addresses."""
    official_commit: str = ""
    """Which commit of it, in full; there is no default: its Python is run here."""
    official_sha256: str = ""
    """The SHA-256 of the archive of that commit; empty: not checked."""
    clients: int = 2
    """How many requests are under way at once (built-in)."""
    target_throughput: float = 0
    """Requests per second of each operation but bulks (built-in); 0: as fast as they are answered."""
    corpus_size: int = 2000
    """Documents of each workload (built-in)."""
    bulk_size: int = 250
    """Documents of a bulk request (built-in)."""
    iterations: int = 20
    """How often each operation is done, by each client (built-in)."""
    seed: int = 1
    """Another seed makes other documents and other queries (built-in)."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that ``environment`` gives; those that are absent or empty have their defaults.

    Raises:
        TrafficError: (exit code 2) one can't be used.
    """
    _check_names(environment)
    values = {
        field: _READERS[field](field.upper(), environment[field.upper()].strip())
        for field in _READERS
        if environment.get(field.upper(), "").strip()
    }
    settings = Settings(**values)
    if settings.workload_source == "official" and not settings.official_commit:
        raise _bad(
            "WORKLOAD_SOURCE=official needs OFFICIAL_COMMIT",
            f"look at what it would run, and give its commit: git ls-remote {settings.official_url} 'refs/heads/*' names those for each "
            "version of the cluster",
        )
    return settings


def _check_names(environment: Mapping[str, str]) -> None:
    known = [field.upper() for field in _READERS]
    for name in environment:
        near = difflib.get_close_matches(name, known, 1, _NEARLY)
        if name not in known and near:
            raise _bad(f"{name} is no setting", f"do you mean {near[0]}?")


def _bad(message: str, hint: str) -> TrafficError:
    return TrafficError(message, hint=hint, exit_code=BAD_INPUT)


def _words(name: str, text: str, hint: str) -> list[str]:
    words = text.replace(",", " ").split()
    if not words:
        raise _bad(f"{name}: there is none in '{text}'", hint)
    return words


def _hosts(name: str, text: str) -> tuple[str, ...]:
    example = f"for example {name}=host.docker.internal:80"
    hosts = tuple(_words(name, text, example))
    for host in hosts:
        match = _HOST.fullmatch(host)
        if match is None or not 0 < int(match[1]) < 65536:
            raise _bad(f"{name}: '{host}' is not HOST:PORT", example)
    if len({host.startswith("https://") for host in hosts}) > 1:
        raise _bad(f"{name}: some are https and some are not", "all of one kind")
    return hosts


def _workloads(name: str, text: str) -> tuple[str, ...]:
    known = f"some of: {' '.join(WORKLOADS)}"
    chosen = _words(name, text, known)
    for workload in chosen:
        if workload not in WORKLOADS:
            raise _bad(f"{name}: there is no '{workload}'", known)
        if chosen.count(workload) > 1:
            raise _bad(f"{name}: '{workload}' is given twice", "name each once")
    return tuple(chosen)


def _source(name: str, text: str) -> str:
    if text not in SOURCES:
        raise _bad(f"{name}: there is no '{text}'", f"one of: {', '.join(SOURCES)}")
    return text


def _url(name: str, text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise _bad(f"{name}: '{text}' is no URL", f"for example {OFFICIAL_URL}")
    return text.rstrip("/")


def _hexadecimal(digits: int, what: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if not re.fullmatch(rf"[0-9A-Fa-f]{{{digits}}}", text):
            raise _bad(f"{name}: '{text}' is no {what}", f"{digits} hexadecimal digits, no branch and no tag")
        return text.lower()

    return read


def _whole(first: int, last: int) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) or not first <= int(text) <= last:
            raise _bad(f"{name}: '{text}' can't be", f"a whole number from {first} to {last}")
        return int(text)

    return read


def _rate(name: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text, re.ASCII):
        raise _bad(
            f"{name}: '{text}' can't be", "requests per second, e.g. 50; 0: as fast as they are answered"
        )
    return float(text)


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "target_hosts": _hosts,
    "workloads": _workloads,
    "workload_source": _source,
    "official_url": _url,
    "official_commit": _hexadecimal(40, "commit"),
    "official_sha256": _hexadecimal(64, "SHA-256"),
    "clients": _whole(1, 64),
    "target_throughput": _rate,
    "corpus_size": _whole(100, 10_000_000),
    "bulk_size": _whole(1, 100_000),
    "iterations": _whole(1, 1_000_000),
    "seed": _whole(0, 2**31),
}
assert set(_READERS) == {field.name for field in fields(Settings)}
