"""What a user's own code is called, such as `my_package.my_file:build`, and a digest that tells its versions apart."""

from __future__ import annotations

import ast
import inspect
import pickle
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_INSTALLED = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
_OWN = str(Path(__file__).parents[1])


def target_of(thing: Any) -> str:
    """`module:name` of a function, a class, or what an instance is of; a script is called after its file."""
    thing = _plain(thing)
    module = sys.modules.get(thing.__module__)
    name = thing.__module__
    if name == "__main__" and module is not None:
        if module.__spec__ is not None:
            name = module.__spec__.name
        elif path := module.__dict__.get("__file__"):  # a notebook and a console have none
            name = Path(path).stem
    return f"{name}:{thing.__qualname__}"


def source_of(thing: Any) -> str:
    """A hex digest of the code that a function or class is defined by.

    Its own definition counts, and what of its file that needs, as syntax trees: comments, layout and the rest of the
    file do not. So do the files of the user's own that it imports, what a function closes over, and its defaults.
    Installed packages do not.
    """
    return _digest(thing, frozenset())


def _digest(thing: Any, seen: frozenset[int]) -> str:
    digest = blake2b(digest_size=8)
    for part in _parts(thing, seen):
        digest.update(part.encode())
    return digest.hexdigest()


def _parts(thing: Any, seen: frozenset[int]) -> Iterator[str]:
    """What a definition consists of; `seen` are those that it is part of itself."""
    if isinstance(thing, partial):
        yield repr((thing.args, sorted(thing.keywords.items())))
    plain = _plain(thing)
    seen |= {id(plain)}
    yield str(plain.__qualname__)
    if isinstance(plain, FunctionType):
        held = [cell.cell_contents for cell in plain.__closure__ or ()]
        yield repr([_held(value, seen) for value in (*held, *(plain.__defaults__ or ()), plain.__kwdefaults__)])
    elif not isinstance(thing, type | partial):
        yield repr(_held(vars(thing), seen))
    trees = _trees(plain)
    yield from trees
    if isinstance(plain, FunctionType):
        if not trees or "<" in plain.__qualname__:  # typed into a console, or one of several within a function
            yield from _code(plain.__code__)
        if not trees:
            yield from _typed(plain, seen)
    elif not trees:
        inner = [value for value in vars(plain).values() if isinstance(value, FunctionType)]
        yield from (part for value in inner for part in _parts(value, seen))
        simple = [pair for pair in vars(plain).items() if isinstance(pair[1], str | int | float | tuple)]
        yield repr([(name, value) for name, value in simple if not name.startswith("__")])


def _typed(function: FunctionType, seen: frozenset[int]) -> Iterator[str]:
    """What a function that was typed into a notebook or console uses of what was typed there too."""
    for name in sorted(set(_names(function.__code__))):
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType | type):
            if value.__module__ == function.__module__ and id(value) not in seen:
                yield from _parts(value, seen)
        elif isinstance(value, str | int | float | tuple | list | dict | set):
            yield repr((name, _held(value, seen)))


def _names(code: CodeType) -> Iterator[str]:
    """The names that a function reads, those within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _plain(thing: Any) -> Any:
    """The function or class itself."""
    while isinstance(thing, partial):
        thing = thing.func
    thing = inspect.unwrap(thing)
    if inspect.ismethod(thing):
        return thing.__func__
    return thing if isinstance(thing, FunctionType | type) else type(thing)


def _held(value: Any, seen: frozenset[int]) -> Any:
    """What counts of a value that a function closes over; its name, where it is what the function is part of itself."""
    if isinstance(value, FunctionType | type):
        return value.__qualname__ if id(_plain(value)) in seen else _digest(value, seen)
    if isinstance(value, str | int | float | type(None)):
        return value
    try:
        return blake2b(pickle.dumps(value)).hexdigest()
    except Exception:  # what cannot be written down: any object may refuse in its own way
        return type(value).__name__


def _file(module: ModuleType) -> str | None:
    """The source file of a module of the user's own."""
    path = module.__dict__.get("__file__")
    return path if path and path.endswith(".py") and Path(path).is_file() else None


def _is_own(path: str) -> bool:
    """Whether a file is neither installed nor of this package."""
    return not path.startswith((_OWN, *_INSTALLED)) and "site-packages" not in path


def _trees(plain: Any) -> list[str]:
    """The syntax trees of what a definition needs: of its own file, and of those of the user's own that it imports."""
    module = sys.modules.get(plain.__module__)
    path = _file(module) if module is not None else None
    if module is None or path is None:
        return []
    names = plain.__code__.co_names if isinstance(plain, FunctionType) else ()
    needed = _needed(ast.parse(Path(path).read_text()), [plain.__qualname__.partition(".")[0], *names])
    seen: dict[str, str] = {}
    for statement in needed:
        _follow(statement, module, seen)
    return [*map(ast.dump, needed), *(seen[file] for file in sorted(seen))]


def _needed(tree: ast.Module, names: Sequence[str]) -> list[ast.stmt]:
    """The statements of a file that define some names, and all names that they use."""
    defined: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for own in _defined(statement):
            defined.setdefault(own, []).append(statement)
    found: set[int] = set()
    todo = list(names)
    while todo:
        for statement in defined.pop(todo.pop(), []):
            if id(statement) not in found:
                found.add(id(statement))
                todo += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return [statement for statement in tree.body if id(statement) in found]


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of a file defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]


def _follow(tree: ast.AST, module: ModuleType, seen: dict[str, str]) -> None:
    """Adds the whole syntax trees of the files of the user's own that a part of a module imports."""
    for name in _imported(tree, module):
        other = sys.modules.get(name)
        path = _file(other) if other is not None else None
        if other is not None and path is not None and path not in seen and _is_own(path):
            whole = ast.parse(Path(path).read_text())
            seen[path] = ast.dump(whole)
            _follow(whole, other, seen)


def _imported(tree: ast.AST, module: ModuleType) -> Iterator[str]:
    """Names of the modules that a file may import."""
    package = module.__dict__.get("__package__") or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _code(code: CodeType) -> Iterator[str]:
    """What a function does, as it was compiled: for those without a file."""
    yield repr((code.co_code, code.co_names, code.co_varnames))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield repr(constant)
