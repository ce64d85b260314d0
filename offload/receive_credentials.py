"""``python3 -m offload.receive_credentials``: takes credentials on its input, for ``capture-credentials`` in the container."""

import os
import sys

from offload.credentials import CREDENTIALS, MOST_BYTES, CredentialsError, parse, write


def main() -> None:
    """Exit status 2: what came can't be used; 1: it can't be kept. Nothing of it is ever shown."""
    try:
        credentials = parse(_text(sys.stdin.buffer.read(MOST_BYTES + 1)))
        write(credentials)
    except CredentialsError as error:
        print(f"capture-credentials: {error}. Hint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        print(f"capture-credentials: they can't be kept in {CREDENTIALS.parent}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    kind = "temporary" if credentials.temporary else "lasting"
    whose = (
        "the offload alone"
        if os.geteuid() != os.getuid()
        else "the offload, and the proxy: it has the same user here"
    )
    print(f"capture-credentials: {kind} credentials are in place, readable by {whose}")


def _text(given: bytes) -> str:
    if len(given) > MOST_BYTES:
        raise CredentialsError("too much input", "give the lines of one set of credentials")
    try:
        return given.decode()
    except UnicodeDecodeError:
        raise CredentialsError("the input is no text", "give lines AWS_ACCESS_KEY_ID=...") from None


if __name__ == "__main__":
    main()
