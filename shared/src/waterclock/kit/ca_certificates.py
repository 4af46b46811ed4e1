"""Which authorities are believed of a service behind `https://`."""

from __future__ import annotations

import os
import ssl

_SETTING = "SSL_CERT_FILE"


def authorities() -> ssl.SSLContext | bool:
    """Those of the file that the environment names; True for those that httpx brings.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    file = os.environ.get(_SETTING)
    try:
        return ssl.create_default_context(cafile=file) if file else True
    except OSError as error:
        raise OSError(error.errno, f"{_SETTING}: {file}: {error.strerror}") from error
