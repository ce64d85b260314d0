"""Whether an answer is what was asked for, in a word for the table of errors."""

import re

from traffic.operations import Request

# Where an answer to a search tells how it went, the hits come later. (A bulk tells it at once.)
_HEAD_BYTES = 2048
_FAILED_SHARDS = re.compile(rb'"failed"\s*:\s*[1-9]')
_TIMED_OUT = re.compile(rb'"timed_out"\s*:\s*true')
_BULK_ERRORS = re.compile(rb'"errors"\s*:\s*true')
# Documents have no such field, and quotes within a value are escaped.
_PART_ERROR = re.compile(rb'"error"\s*:\s*\{')


def error_of(request: Request, status: int, body: bytes) -> str | None:
    """What kind of error this is, or None.

    An answer of status 200 can be one too: a bulk of which documents were refused, a search that some shards did not answer.
    """
    if status == 404 and request.absent_is_fine and not _PART_ERROR.search(body):
        return None
    if not 200 <= status < 300:
        return f"status {status}"
    action = request.path.partition("?")[0].rpartition("/")[2]
    head = body[:_HEAD_BYTES]
    if action == "_bulk" and _BULK_ERRORS.search(head):
        return "documents refused in a bulk"
    if action in ("_search", "scroll") and (_FAILED_SHARDS.search(head) or _TIMED_OUT.search(head)):
        return "search answered in part"
    if action in ("_msearch", "_mget") and _PART_ERROR.search(body):
        return f"error in a part of {action}"
    return None
