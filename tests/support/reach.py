"""What a service may ask of its stores, read from the code: the commands that its functions name, and its scripts'."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from waterclock.log.connection.scripts import Script

PACKAGES = ("waterclock", "waterclock_api", "waterclock_scheduler", "waterclock_worker")
_QUOTED = re.compile(rb"'([A-Z]{2,})'")


class Name(NamedTuple):
    """A function, class or constant of a module."""

    module: str
    name: str


class Reach(NamedTuple):
    words: frozenset[str]  # every word in capitals that is reached: of these some are commands
    scripts: frozenset[str]
    names: frozenset[str]  # every text that may name a statement of SQL


def reach(*roots: Name) -> Reach:
    """What is reached from the roots, over every name that stands in what is reached."""
    seen: set[Name] = set()
    waiting = list(roots)
    words: set[str] = set()
    scripts: set[str] = set()
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module = _module(name.module)
        if name.name not in module.defined:
            if name.name in module.imported:
                waiting.append(module.imported[name.name])
            continue
        for node in module.defined[name.name]:
            found, scripted, named = _looked_at(node, name.module, module)
            words |= {text for text in found if re.fullmatch(r"[A-Z]{2,}", text)}
            names |= {text for text in found if re.fullmatch(r"[a-z_]+", text)}
            scripts |= scripted
            waiting += named
    for script in scripts:
        words |= _quoted(script)
    return Reach(frozenset(words), frozenset(scripts), frozenset(names))


def _quoted(script: str) -> set[str]:
    return {word.decode() for word in _QUOTED.findall(Script(script, object).source.text)}


class _Module(NamedTuple):
    defined: dict[str, list[ast.AST]]
    imported: dict[str, Name]


@functools.cache
def _module(name: str) -> _Module:
    spec = find_spec(name)
    assert spec is not None, name
    if spec.origin is None:
        return _Module({}, {})
    defined: dict[str, list[ast.AST]] = {}
    imported: dict[str, Name] = {}
    for node in ast.parse(Path(spec.origin).read_bytes()).body:
        for made in _names_made(node):
            defined.setdefault(made, []).append(node)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES:
            for alias in node.names:
                imported[alias.asname or alias.name] = Name(node.module, alias.name)
    return _Module(defined, imported)


def _names_made(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _looked_at(node: ast.AST, where: str, module: _Module) -> tuple[set[str], set[str], list[Name]]:
    texts: set[str] = set()
    scripts: set[str] = set()
    named: list[Name] = []
    for part in ast.walk(node):
        match part:
            case ast.Call(func=ast.Name(id="Script"), args=[ast.Constant(value=str(script)), *_]):
                scripts.add(script)
            case ast.Constant(value=str(text)):
                texts.add(text)
            case ast.Attribute(value=ast.Name(id=holder), attr=attribute) if holder in module.imported:
                package, name = module.imported[holder]
                inside = f"{package}.{name}"
                named.append(Name(inside, attribute) if _is_module(inside) else Name(package, name))
            case ast.Name(id=used) if used in module.defined or used in module.imported:
                target = module.imported.get(used, Name(where, used))
                named.append(Name(where, used) if used in module.defined else target)
            case _:
                continue
    return texts, scripts, named


@functools.cache
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
