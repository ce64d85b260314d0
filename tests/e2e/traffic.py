"""A client of the primary's proxy, what it sent, and what the two logs say of it."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from elasticsearch import Elasticsearch, TransportError, Urllib3HttpConnection

from tests.e2e.pair import Pair
from tests.integration.rig import Entry, entries_by_case, poll, status_of

_LOGGED_S = 20
# What may not have happened, to any request of any test (for `test_traffic_gen` too).
LOSSES = (
    "mirror_failed",
    "mirror_dropped",
    "not_mirrored_truncated",
    "not_mirrored_unseen",
    "not_mirrored_unanswered",
    "passed_unacknowledged",
    "lost_ends",
    "orphan_answers",
    "protocol_errors",
)


@dataclass(frozen=True)
class Sent:
    """A request that the client sent, and the status that it got."""

    method: str
    path: str
    status: int


@dataclass(frozen=True)
class Logged:
    """A request as both logs have it."""

    primary: Entry
    shadow: Entry

    @property
    def statuses(self) -> tuple[int, int]:
        """What the two clusters answered."""
        return self.primary["response"]["status"], self.shadow["response"]["status"]

    def __str__(self) -> str:
        request = self.primary["request"]
        return f"{request['method']} {request['url']}: {self.statuses}"


class Traffic:
    """Requests of one test, through the primary's proxy."""

    def __init__(self, pair: Pair, case: str, **options: Any) -> None:
        self._pair = pair
        self._case = case
        self.sent: list[Sent] = []
        host, port = pair.primary_proxy.address
        self.client = Elasticsearch(
            [{"host": host, "port": port}],
            timeout=60,
            max_retries=0,
            headers={"x-case": case},
            connection_class=_recording(self.sent),
            **options,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.close()

    def logged(self) -> list[Logged]:
        """Every request that was sent, from both logs, in the order in which the primary got them.

        The log has them in the order of their ends, and one that went through the tee ends when its copy is there.

        Raises:
            AssertionError: one is missing in a log, is there twice, differs, or was lost or reordered on the way.
        """
        self._pair.drain()
        primary = poll("every request in the primary's log", self._primary_entries, _LOGGED_S, every_s=0.1)
        shadow = poll("every request in the shadow's log", self._shadow_entries, _LOGGED_S, every_s=0.1)
        assert sorted(map(_sent_of, primary), key=str) == sorted(self.sent, key=str)
        assert [entry["_mirror"] for entry in primary] == ["queued"] * len(primary)
        by_id = {entry["_id"]: entry for entry in shadow}
        assert sorted(by_id) == sorted(entry["_id"] for entry in primary)
        for entry in primary:
            assert request_of(by_id[entry["_id"]]) == request_of(entry)
        status = status_of(self._pair.primary_proxy)
        assert {name: status[name] for name in LOSSES} == dict.fromkeys(LOSSES, 0)
        in_order = sorted(primary, key=lambda entry: str(entry["startedDateTime"]))
        return [Logged(entry, by_id[entry["_id"]]) for entry in in_order]

    def _primary_entries(self) -> list[Entry] | None:
        entries = entries_by_case(self._pair.primary_proxy).get(self._case, [])
        return entries if len(entries) >= len(self.sent) else None

    def _shadow_entries(self) -> list[Entry] | None:
        entries = entries_by_case(self._pair.shadow_proxy).get(self._case, [])
        return entries if len(entries) >= len(self.sent) else None


def _recording(sent: list[Sent]) -> type[Urllib3HttpConnection]:
    class Recording(Urllib3HttpConnection):
        """The client's own connection, which notes what passes."""

        def perform_request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
            try:
                answer = super().perform_request(method, url, *arguments, **options)
            except TransportError as error:
                # Not a number when there was no answer.
                status = error.status_code if isinstance(error.status_code, int) else 0
                sent.append(Sent(method, url, status))
                raise
            sent.append(Sent(method, url, answer[0]))
            return answer

    return Recording


def _sent_of(entry: Entry) -> Sent:
    return Sent(
        entry["request"]["method"], urlsplit(entry["request"]["url"]).path, entry["response"]["status"]
    )


def request_of(entry: Entry) -> dict[str, Any]:
    """What must be the same in both logs."""
    request = entry["request"]
    return {name: request.get(name) for name in ("method", "url", "headers", "postData", "bodySize")}
