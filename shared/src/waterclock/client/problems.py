"""The former name of `waterclock.client.errors`; to be removed with the next major version."""

import sys
import warnings

from waterclock.client import errors

warnings.warn("waterclock.client.problems is waterclock.client.errors now", DeprecationWarning, stacklevel=2)
sys.modules[__name__] = errors
