"""The former name of `waterclock.client.endpoints`; to be removed with the next major version."""

import sys
import warnings

from waterclock.client import endpoints

warnings.warn("waterclock.client.calls is waterclock.client.endpoints now", DeprecationWarning, stacklevel=2)
sys.modules[__name__] = endpoints
