"""Text as JSON shows it: one C function of the standard library, under a name of ours."""

import json.encoder
from collections.abc import Callable

# The C function behind json.dumps(..., ensure_ascii=False): a string with its quotes.
# By its name: older type stubs, which mypyc in the images may have, do not know it.
quote: Callable[[str], str] = vars(json.encoder)["encode_basestring"]
