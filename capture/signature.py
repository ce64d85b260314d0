"""What gpg's status lines say of a detached signature (GnuPG's ``doc/DETAILS``): only a good one of a key in force counts.

gpg writes VALIDSIG for an expired or revoked key too, so that line alone proves nothing.
"""

_PREFIX = "[GNUPG:] "
_FAULTS = {
    "BADSIG": "its signature does not fit it",
    "REVKEYSIG": "its signature is of a key that was revoked",
    "EXPKEYSIG": "its signature is of a key that has expired",
    "EXPSIG": "its signature has expired",
    "ERRSIG": "its signature can't be checked",
}


def signature_fault(status: str, fingerprint: str) -> str | None:
    """Why ``status``, from ``gpg --status-fd``, is no good signature of the primary key ``fingerprint``; None if it is one."""
    lines = [line.removeprefix(_PREFIX).split() for line in status.splitlines() if line.startswith(_PREFIX)]
    words = [line[0] for line in lines if line]
    for word, fault in _FAULTS.items():
        if word in words:
            return fault
    # One signature: of several, each line would have to be matched with its own.
    if words.count("GOODSIG") != 1 or words.count("VALIDSIG") != 1:
        return "it has no good signature"
    [valid] = [line for line in lines if line[:1] == ["VALIDSIG"]]
    # The last word is the primary key's fingerprint, also when a subkey signed.
    return None if valid[-1] == fingerprint else "its signature is of another key"
