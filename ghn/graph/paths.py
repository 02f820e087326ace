"""Where in a module its forward pass is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook


class Place:
    """The path of the module in which the forward pass is, or failed."""

    def __init__(self) -> None:
        self._stack: list[tuple[nn.Module, str]] = []

    @property
    def path(self) -> str:
        return self._stack[-1][1] if self._stack else ""

    @contextmanager
    def following(self, module: nn.Module) -> Iterator[None]:
        """Knows in which of its modules the forward pass of this thread is."""
        paths = {id(m): path for path, m in reversed(list(module.named_modules()))}
        here = get_ident()

        def enter(m: nn.Module, _args: Any) -> None:
            if get_ident() == here:  # hooks of all modules see those of other threads too
                self._stack.append((m, paths.get(id(m), self.path)))

        def leave(m: nn.Module, _args: Any, _output: Any) -> None:
            if get_ident() == here:
                while self._stack and self._stack.pop()[0] is not m:  # one whose error was caught never left
                    pass

        hooks = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
