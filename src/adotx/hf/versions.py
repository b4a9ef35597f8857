"""Which transformers the classes are for: too old a one is refused, an untested one is told of, once.

In: the installed transformers. Out: nothing, a line in transformers' log, or AdotxError. Imports no model.
"""

from __future__ import annotations

import logging
from functools import cache

import transformers

from adotx.errors import AdotxError
from adotx.tested import Range, numbers, untested, wanted

#: Versions of transformers that the tests have run with: from the first, before the second.
TESTED: Range = ((5, 16), (5, 25))
_LEAST = (5, 0)  # what is imported below came with it
#: What this transformers calls the KV cache, in arguments and outputs.
CACHE = "past_key_values" if (numbers(transformers.__version__) or TESTED[0]) < (5, 24) else "cache"


@cache
def check(version: str = transformers.__version__) -> None:
    """Look at transformers before anything of it is used.

    Raises:
        AdotxError: ``transformers.version`` before 5.0, which has not what the classes build on.
    """
    if (found := numbers(version)) and found < _LEAST:
        what, remedy, taken = "{found} is too old", "pip install '{wanted}'", wanted("transformers", TESTED)
        name = f"transformers {version}"
        raise AdotxError("transformers.version", what, "adotx.hf", remedy, found=name, wanted=taken)
    if told := untested("transformers", version, TESTED):
        logging.getLogger("transformers.adotx").warning(told)
