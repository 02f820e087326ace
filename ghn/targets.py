"""Where code of a user's own is found that a command line names, such as `my_package.my_file:build`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from ghn.errors import ConfigError, meant


def find_target(text: str) -> Any:
    """Imports what `module:name` names; modules of the working directory can be imported.

    Only ever call this with what the user has typed: never with what a file says.

    Raises:
        ConfigError: it is malformed, or there is no such module or name, or importing it fails.
    """
    module, colon, name = text.partition(":")
    if not colon or not module or not name:
        raise ConfigError(
            "a target is a module and a name in it",
            got=text,
            expected="my_package.my_file:build",
            fix=f"name the function, too: {module or 'my_file'}:build",
        )
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module)
    except Exception as error:  # whatever the user's own module raises
        raise ConfigError(
            f"the module {module!r} of the target {text} cannot be imported",
            got=f"{type(error).__name__}: {error}",
            fix=f"leave out .py: {module.removesuffix('.py')}:{name}"
            if module.endswith(".py")
            else "run from the folder that it lies in, or install it",
        ) from error
    for part in name.split("."):
        if part not in dir(found):
            known = [one for one in dir(found) if not one.startswith("_")]
            fix = meant(part, known) or "check the name behind the colon"
            raise ConfigError(f"the module {module!r} has no {name!r}", got=text, fix=fix)
        found = getattr(found, part)
    return found
