"""The README, the pages of docs/ and the docstrings show what happens: every command and example in them is run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import faspmgr
from tests import documentation
from tests.documentation import PAGES, Block, matches
from tests.launcher import ROOT

BLOCKS = [block for page in PAGES for block in documentation.blocks(page)]
PYTHON = {str(page.relative_to(ROOT)): documentation.python(page) for page in PAGES if documentation.python(page)}
FOUND = [module.name for module in pkgutil.walk_packages(faspmgr.__path__, "faspmgr.")]
MODULES = [name for name in FOUND if name != "faspmgr.__main__"]  # that one runs the command line when it is imported


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_console(block: Block, tmp_path: Path) -> None:
    printed = documentation.run(block, tmp_path)
    assert len(printed) == len(block.steps), printed
    for step, output in zip(block.steps, printed):
        assert matches(step.expected, output), f"\n--- {block.page.name} has\n{step}\n--- it prints\n{output}"


@pytest.mark.parametrize("page", PYTHON)
def test_python(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    test = doctest.DocTestParser().get_doctest(PYTHON[page], {}, page, page, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(test).failed == 0
    assert test.examples


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_name_is_in_the_reference() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    documented = set(re.findall(r"^\.\. auto\w+:: faspmgr\.(\w+)", text, re.MULTILINE))
    assert set(vars(faspmgr)["__all__"]) - {"__version__"} <= documented


def test_links_of_the_readme() -> None:
    """Sphinx checks those between the pages of docs/."""
    links = re.findall(r"\]\((?!http)([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_matching() -> None:
    assert matches("a…c\n…\nz", "abc\n1\n2\nz")
    assert matches("…\nz", "z")
    assert matches("", "")
    assert not matches("a…c", "abd")
    assert not matches("a", "a\nb")
    block = "$ one \\\n  two\nout\n$ three\n$ four\nmore\n\nlast\n"
    assert documentation.steps(block) == [
        ("one \\\n  two", "out"),
        ("three", ""),
        ("four", "more\n\nlast"),
    ]
