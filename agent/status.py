"""The agent's counters: what was captured and mirrored, and what any bound has cost."""

from dataclasses import dataclass, fields


@dataclass
class Status:
    """Counts since the agent's start. ``docker exec CONTAINER capture-status`` prints them."""

    transactions: int = 0
    """Transactions that ended."""
    mirrored: int = 0
    """Requests that the shadow answered."""
    mirror_failed: int = 0
    """Requests that were sent to the shadow, or were to be, and got no answer."""
    mirror_dropped: int = 0
    """Requests that were not mirrored because the queue was full."""
    mirror_held_back: int = 0
    """Requests that could have started sooner on the shadow if more connections to it were allowed (``mirror_connections``; after an outage fewer are, while the
    shadow catches up)."""
    mirror_key_refused: int = 0
    """Mirrored requests whose identifiers the shadow's proxy did not believe, for its key is another one: its records of them do not join with ours."""
    untrusted_capture_ids: int = 0
    """On the shadow: requests that named an identifier without this proxy's key; they are recorded under one of their own."""
    repeated_capture_ids: int = 0
    """On the shadow: mirrored requests whose identifier had come before, as one that is sent again (``_repeated`` in the record)."""
    not_mirrored_truncated: int = 0
    """Requests that were not mirrored because they are not whole: the client broke off, or the tee was away and they did not fit HAProxy's buffer."""
    not_mirrored_unseen: int = 0
    """Requests that were not mirrored because they passed while the agent was away or busy."""
    not_mirrored_unanswered: int = 0
    """Requests that were not mirrored because they never reached a node of the primary."""
    not_mirrored_tunnels: int = 0
    """Requests that were not mirrored because they leave HTTP: CONNECT, and what a node answered with 101."""
    bad_requests: int = 0
    """Requests that are no HTTP: HAProxy answers 400 and shows them to nobody."""
    passed_unacknowledged: int = 0
    """Transactions with a long request or answer that HAProxy passed on before the agent acknowledged it (it was busy for longer than
    ``processing_timeout_ms``): that part may be missing in the record."""
    ring_dropped: int = 0
    """Transactions that HAProxy had no room left for while the agent was away or too slow (``ring_bytes``)."""
    order_given_up: int = 0
    """Completions that were not reported within 2 s: requests after them started on the shadow without waiting for them. One that is reported later stays
    counted; what has not started then waits for it."""
    order_unread: int = 0
    """Requests or answers that a defect of the agent's (the log has it) kept the order from reading: they count as the most that they may read and write."""
    copied: int = 0
    """Transactions that the tee's copies were joined to."""
    copies_missing: int = 0
    """Transactions through the tee of which it has no copy (it had no room at all, it was killed, or memory for those that wait, ``pending_bytes``, had no room): their content is not in
    the record, and they were not mirrored."""
    copies_unclaimed: int = 0
    """Copies whose line did not come within ten minutes after lines may have been lost (an agent was killed, HAProxy's ring was full, a line
    could not be read), or that memory for them (``pending_bytes``) had no room for: recorded without what the line would have said."""
    copies_unreadable: int = 0
    """Copies that could not be read, or whose exchange could not be made sense of."""
    answers_not_reached: int = 0
    """Answers through the tee behind more than 1,000 interim ones (or 16 MiB of their heads): their content is not in the record."""
    lost_ends: int = 0
    """Transactions whose end HAProxy never told."""
    orphan_answers: int = 0
    """Answers whose request was never shown."""
    protocol_errors: int = 0
    """Connections that ended because of a protocol error, and messages that could not be read."""

    def as_dict(self) -> dict[str, int]:
        """Name -> count."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
