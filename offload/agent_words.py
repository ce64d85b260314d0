"""What the CloudWatch Agent says, for who wants to know why nothing arrives."""

import re

_ERROR = re.compile(r"(?:^|\s)E! (?P<words>.*)")
_PLUGIN = re.compile(r"^\[[\w.]+\]\s*")
_SENDING = re.compile(r"^(?:Aws|Non aws) error received when sending logs to \S+: ")
_IDENTIFIERS = re.compile(r"(?:status code: \d+, )?request id: [\w-]*", re.IGNORECASE)


def error_in(line: str) -> str | None:
    """The service's own words in a line of the agent's log, or the agent's, if the line tells of an error."""
    match = _ERROR.search(line)
    if match is None:
        return None
    words = _SENDING.sub("", _PLUGIN.sub("", match["words"]))
    *before, last = _IDENTIFIERS.split(words)
    # What separates them is not part of the pattern: it would be looked for from each of many spaces on.
    return "".join((*(part.rstrip().removesuffix(",").rstrip() for part in before), last)).strip() or None
