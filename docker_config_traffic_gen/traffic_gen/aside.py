"""Work that a signal need not wait for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_Result = TypeVar("_Result")


def aside(work: Callable[[], _Result]) -> _Result:
    """Do ``work`` in a thread, and return its result or raise its error.

    Python acts on a signal when the main thread is back from C code, and resolving a name may take minutes there.
    """
    future: Future[_Result] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    # A daemon, so that the program's end does not wait for it either.
    threading.Thread(target=do, name="aside", daemon=True).start()
    return future.result()
