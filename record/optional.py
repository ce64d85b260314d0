"""Libraries that make the record better or quicker where the distribution has them."""

import importlib
from typing import Any


def library(name: str) -> Any:
    """The module, or None. Not an import statement: compiled, that could not be left out."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
