"""The fields of the views, made of their rows: ``{view-fields}`` puts a section for each structure there."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tables import Table, build, code

from faspmgr.views import KINDS


class ViewFields(SphinxDirective):
    """``{view-fields}``: the structure of each view, and those inside of it, each once."""

    def run(self) -> list[nodes.Node]:
        """Build the sections."""
        sections: dict[str, nodes.Node] = {}
        for kind, outer in KINDS.items():
            for structure in outer.nested():
                if structure.name not in sections:
                    title = f"{structure.name} (view {kind})" if structure is outer else structure.name
                    section = nodes.section(ids=[f"view-{nodes.make_id(structure.name)}"])
                    section += nodes.title("", title)
                    section += nodes.paragraph("", structure.summary)
                    rows = [[code(row.name), row.type.words, row.meaning, row.null] for row in structure.rows]
                    section += build(Table(["field", "type", "meaning", "null"], [5, 3, 7, 5], rows))
                    sections[structure.name] = section
        return list(sections.values())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("view-fields", ViewFields)
    return {"parallel_read_safe": True}
