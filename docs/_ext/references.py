"""References in signatures and docstrings find what the pages document.

An annotation ``Frame`` in the code is ``faspmgr.protocol.frames.Frame``; the pages document it as ``faspmgr.Frame``.
Both are the same object, and that is how a reference is resolved here.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.Element | None:
    """Resolve what Sphinx did not find: something that is documented under another name."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target:
        return None
    domain = env.domains.python_domain
    last = target.rpartition(".")[2]
    documented = [name for name in domain.objects if name.startswith("faspmgr.") and name.rpartition(".")[2] == last]
    if "." in target:
        documented = [name for name in documented if find(name) is find(target)]
    if len(documented) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", documented[0], node, contnode)


def find(name: str) -> object:
    """The object of this full name, None if there is none."""
    first, *parts = name.split(".")
    found: Any = importlib.import_module(first)
    path = first
    for part in parts:
        path = f"{path}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(path)
            except ImportError:
                return None
    return found


def no_type_in_summary(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep a colon in the first line of a property as text.

    Napoleon takes ``Bytes`` in ``Bytes: those that were sent`` for its type; with an empty type in front it does not.
    """
    if what in ("attribute", "data", "property") and lines:
        lines[0] = f": {lines[0]}"


def inherit(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Document an attribute as the property that it overrides."""
    if what == "attribute" and not any(lines):
        home, _, attribute = name.rpartition(".")
        cls = find(home)
        bases = [vars(base).get(attribute) for base in cls.__mro__] if isinstance(cls, type) else []
        text = next((base.__doc__ or "" for base in bases if isinstance(base, property)), "")
        lines[:] = inspect.cleandoc(text).splitlines()


def factory(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Show the default of attrs for a value that is made anew each time as ``...``."""
    return signature and signature.replace("NOTHING", "..."), returns


def dash_and_heading(app: Sphinx, doctree: nodes.document) -> None:
    """Set a dash between a name and its meaning, where Sphinx has two hyphens, and call attributes so."""
    for text in list(doctree.findall(nodes.Text)):
        if text.astext() == " -- ":
            text.parent.replace(text, nodes.Text(" – "))
        elif text.astext() == "Variables" and isinstance(text.parent, nodes.field_name):
            text.parent.replace(text, nodes.Text("Attributes"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", inherit, priority=300)
    app.connect("autodoc-process-docstring", no_type_in_summary, priority=400)  # before napoleon, which has 500
    app.connect("autodoc-process-signature", factory)
    app.connect("doctree-read", dash_and_heading)
    return {"parallel_read_safe": True}
