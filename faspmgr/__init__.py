"""faspmgr reads the management stream of IBM Aspera's ascp, live or recorded: events, state, and commands back.

Each public name is loaded from its home when it is first used, so that ``import faspmgr`` costs next to nothing and the
command line starts quickly. Names and homes stand once: in ``__init__.pyi``, which type checkers read as well.
"""

import importlib

with open(f"{__path__[0]}/__init__.pyi", encoding="utf-8") as _stub:
    # "from HOME import NAME as NAME"
    _HOMES = {words[3]: words[1] for words in map(str.split, _stub) if words[4:] == ["as", words[3]]}

__all__ = list(_HOMES)  # the list stands in the stub


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'faspmgr' has no attribute {name!r}")
    value = (
        importlib.import_module(f"faspmgr.{name}")
        if home == "faspmgr"
        else getattr(importlib.import_module(home), name)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
