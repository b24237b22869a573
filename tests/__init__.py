"""Tests start processes, each of which would compile all its imports again where Python is told to keep no bytecode.

So it is kept for as long as the tests run, in a folder of their own.
"""

import os
import sys
import tempfile

if sys.dont_write_bytecode:
    _kept = tempfile.TemporaryDirectory(prefix="lds-bytecode-", ignore_cleanup_errors=True)
    sys.dont_write_bytecode, sys.pycache_prefix = False, _kept.name
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = _kept.name
