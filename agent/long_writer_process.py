"""``python3 -m agent.long_writer_process CLUSTER BODY_BYTES PREFIX_BYTES [REDACTED_HEADER...]``: writes long lines, for `agent.long_writer`."""

import contextlib
import os
import signal
import socket
import sys

from agent import framed_socket
from agent.long_line import FullError, UnreadableError, readable, write_parts
from agent.long_order import Outcome, decode_order, encode_outcome
from agent.long_writer import ORDERS_FD
from record.entry import EntryWriter
from tee.reading import Areas, close_all

# The last of all: nobody waits for these lines, and what they are made from waits in the tee's memory and spool.
_NICE = 19


def main() -> None:
    """Until the agent closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    cluster, body_bytes, prefix_bytes, *redacted = sys.argv[1:]
    entries = EntryWriter(cluster, frozenset(redacted), int(body_bytes), int(prefix_bytes))
    with socket.socket(fileno=int(os.environ[ORDERS_FD])) as orders:
        try:
            while True:
                message, descriptors = framed_socket.receive(orders)
                outcome = _write(entries, message, descriptors)
                close_all(descriptors)
                framed_socket.send(orders, encode_outcome(outcome))
        except ConnectionError:
            # The agent has ended, or wants no more.
            return


def _write(entries: EntryWriter, message: bytes, descriptors: list[int]) -> Outcome:
    file, memory, *spool = descriptors
    try:
        # Chunked bodies are read for the first time here.
        transaction, room = decode_order(message, Areas(memory, spool[0] if spool else None))
    except OSError as error:
        return Outcome("unreadable", text=str(error))
    try:
        parts = readable(entries.long_line(transaction))
        return Outcome("written", write_parts(parts, file, room, lambda: True))
    except FullError:
        return Outcome("full")
    except UnreadableError as error:
        return Outcome("unreadable", text=str(error))
    except OSError as error:
        return Outcome("refused", error.errno or 0, error.strerror or str(error))
    except Exception as error:  # noqa: BLE001 - a defect, if there is one, costs this line
        return Outcome("defect", text=repr(error))


if __name__ == "__main__":
    main()
