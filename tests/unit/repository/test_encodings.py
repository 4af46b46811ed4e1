"""Text is read and written in an encoding that we name, never in the one that a machine happens to be set to."""

import ast
from collections.abc import Iterator

from tests.support.repository import ROOT

SOURCES = [*ROOT.glob("shared/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("deploy/**/*.py")]
TEXT_OF_PATHS = {"read_text": 0, "write_text": 1}
"""Methods, and the place of their encoding among the arguments."""
OPENING = {
    "open": 1,
    "fdopen": 1,
    "NamedTemporaryFile": 0,
    "TemporaryFile": 0,
    "SpooledTemporaryFile": 1,
    "TextIOWrapper": None,
}
"""Functions that open text unless their mode says otherwise, and the place of the mode."""
PROGRAMS = {"run", "Popen", "call", "check_call", "check_output"}
AS_TEXT = ("text", "universal_newlines")


def test_no_text_is_read_or_written_without_its_encoding() -> None:
    assert SOURCES
    found = [f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for line in unnamed(path.read_text("utf-8"))]
    assert found == []


def test_what_would_be_found_is_found() -> None:
    for bad in (
        "path.read_text()",
        "path.write_text(text)",
        "open(path)",
        "open(path, 'a')",
        "path.open('w')",
        "path.open()",
        "os.fdopen(handle, 'w')",
        "subprocess.run(words, text=True)",
        "Popen(words, universal_newlines=True)",
        "io.TextIOWrapper(raw)",
        "locale.getpreferredencoding()",
    ):
        assert list(unnamed(bad)), bad
    for good in (
        "path.read_text('utf-8')",
        "path.write_text(text, encoding='ascii')",
        "open(path, 'rb')",
        "path.open('wb')",
        "path.open(encoding='utf-8')",
        "os.open(path, flags)",
        "subprocess.run(words, text=True, encoding='utf-8')",
        "await pool.open(wait=True)",
    ):
        assert not list(unnamed(good)), good


def unnamed(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _is_unnamed(node):
            yield node.lineno


def _is_unnamed(call: ast.Call) -> bool:
    given = {word.arg: word.value for word in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "getpreferredencoding":
        return True
    if "encoding" in given:
        return False
    if name in TEXT_OF_PATHS:
        return len(call.args) <= TEXT_OF_PATHS[name]
    if name in PROGRAMS and any(_is_true(given.get(word)) for word in AS_TEXT):
        return True
    return name in OPENING and _is_of_a_file(call, given) and not _is_binary(call, given, name)


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _is_of_a_file(call: ast.Call, given: dict[str | None, ast.expr]) -> bool:
    """Whether this `open` may be one of a file: not `os.open`, nor that of a pool, a connection or a value of ours."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "open":
        return True
    of = call.func.value
    if isinstance(of, ast.Name) and of.id == "os":
        return False
    mode = [*call.args[:1], *([given["mode"]] if "mode" in given else [])]
    names_mode = any(
        isinstance(one, ast.Constant) and isinstance(one.value, str) and set(one.value) <= set("rwaxbt+")
        for one in mode
    )
    return names_mode or (isinstance(of, ast.Name) and of.id in {"path", "file"})


def _is_binary(call: ast.Call, given: dict[str | None, ast.expr], name: str) -> bool:
    of_path = isinstance(call.func, ast.Attribute) and call.func.attr == "open"
    place = 0 if of_path else OPENING[name]
    if place is None:
        return False
    mode = given.get("mode") or (call.args[place] if len(call.args) > place else None)
    if mode is None:
        return "Temporary" in name
    return isinstance(mode, ast.Constant) and "b" in str(mode.value)
