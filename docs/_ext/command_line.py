"""The reference of the command line, made of the commands themselves: ``{command-line}`` puts it there.

Each command is a section: its usage, its description, its options. Nothing is written by hand but the help texts, which
``faspmgr COMMAND --help`` prints, too.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tables import Table, build, inline

from faspmgr.cli.main import cli

_OPTION = re.compile(r"(?<![\w`-])(--[a-z][a-z-]*[a-z]|-[a-zA-Z])(?![\w-])")


class CommandLine(SphinxDirective):
    """``{command-line}``: a section for each command of faspmgr."""

    def run(self) -> list[nodes.Node]:
        """Build the sections."""
        context = click.Context(cli, info_name="faspmgr", max_content_width=100)
        return [self._section(command, context) for command in _commands(cli, context)]

    def _section(self, command: click.Command, parent: click.Context) -> nodes.section:
        context = click.Context(command, info_name=command.name, parent=parent)
        name = context.command_path
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title("", "", nodes.literal(name, name))
        section += _block(command.get_usage(context).removeprefix("Usage: "))
        section += list(_description(command))
        section += list(_options(command, context))
        if isinstance(command, click.Group):
            section += [self._section(inner, context) for inner in _commands(command, context)]
        self.state.document.note_implicit_target(section, section)
        return section


def _commands(group: click.Command, context: click.Context) -> Iterator[click.Command]:
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield command


def _description(command: click.Command) -> Iterator[nodes.Node]:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):  # click's mark for text that is not to be wrapped
            title, _, lines = paragraph.removeprefix("\b\n").partition("\n")
            yield nodes.paragraph("", title)
            yield _block(inspect.cleandoc(lines))
        else:
            yield nodes.paragraph("", "", *inline(_OPTION.sub(r"``\1``", paragraph.replace("\n", " "))))


def _options(command: click.Command, context: click.Context) -> Iterator[nodes.Node]:
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [
        [f"``{names}``", _OPTION.sub(r"``\1``", text)]
        for names, text in filter(None, records)
        if text and "--help" not in names
    ]
    if rows:
        yield build(Table(["option", "meaning"], [2, 5], rows))


def _block(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="text")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
