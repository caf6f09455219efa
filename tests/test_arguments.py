"""A coroutine function as a callback would never run: it is refused where it is given, wherever that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.arguments import check_callbacks
from faspmgr.views import ViewWriter


async def coroutine_function(*_: object) -> None:
    """What nobody would await."""


class Callback:
    async def __call__(self, *_: object) -> None:
        """The same as a method."""


MAKERS: dict[str, Callable[[Any], object]] = {
    "Parser on_problem": lambda callback: faspmgr.Parser(on_problem=callback),
    "Tokenizer on_problem": lambda callback: faspmgr.Tokenizer(on_problem=callback),
    "ManagementPort on_problem": lambda callback: faspmgr.ManagementPort(on_problem=callback),
    "Listener on_problem": lambda callback: faspmgr.Listener(on_problem=callback),
    "Listener on_message": lambda callback: faspmgr.Listener(on_message=callback),
    "Job on_event": lambda callback: faspmgr.Job(["ascp", "a", "b"], on_event=callback),
    "Job on_progress": lambda callback: faspmgr.Job(["ascp", "a", "b"], on_progress=callback),
    "Job on_stderr": lambda callback: faspmgr.Job(["ascp", "a", "b"], on_stderr=callback),
    "Job on_message": lambda callback: faspmgr.Job(["ascp", "a", "b"], on_message=callback),
    "ViewWriter on_error": lambda callback: ViewWriter("server", "view.json", faspmgr.Tracker(), on_error=callback),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("callback", [coroutine_function, Callback()], ids=["function", "object"])
def test_a_coroutine_function_is_refused(
    maker: str, callback: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=f"{maker.split()[1]} is a coroutine function, .* give a plain function"):
        MAKERS[maker](callback)


@pytest.mark.parametrize(
    "callback", [None, print, lambda *_: None, Callback], ids=["none", "builtin", "lambda", "class"]
)
def test_everything_else_is_a_callback(callback: object) -> None:
    check_callbacks(on_event=callback)
