"""Names as SQL writes them."""


def quoted(name: str) -> str:
    """An identifier, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'
