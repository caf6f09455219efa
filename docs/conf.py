"""How Sphinx builds the documentation. Every warning is an error: see CONTRIBUTING.md for the command.

What stands in a table of the package is not written here once more: ``_ext/tables.py`` makes pages of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from faspmgr import __version__

project = "faspmgr"
author = "the faspmgr authors"
copyright = "the faspmgr authors"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "tables",
    "command_line",
    "view_fields",
    "references",
]
exclude_patterns = ["_build"]

# -- text

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes = False  # quotes and dashes in examples stay as they are typed

# -- reference from docstrings

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # an attribute of a class may have a docstring of its own in the code
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

nitpicky = True
nitpick_ignore_regex = [
    # The standard library, attrs, click and pytest: their documentation is not fetched, so that the build needs no
    # network.
    (r"py:.*", r"(abc|asyncio|collections|contextlib|datetime|enum|os|pathlib|re|socket|types|typing)\..*"),
    (r"py:.*", r"(attr|attrs|click|pytest|_pytest)\..*"),
    # The same, imported only for type checkers, which leaves the bare name.
    (r"py:class", r"(Buffer|datetime)"),
    # What a Tracker gives its transfers to share.
    (r"py:class", r"faspmgr\.tracking\.registry\.Budget"),
    # A type variable has no page.
    (r"py:class", r"(faspmgr\..*\.)?T"),
]
autodoc_type_aliases = {"Source": "faspmgr.captures.Source", "Unwrap": "faspmgr.captures.Unwrap"}

# -- pages

html_theme = "furo"
html_title = f"faspmgr {release}"
html_static_path = ["_static"]
html_css_files = ["faspmgr.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
highlight_language = "text"  # blocks in docstrings; examples with >>> are recognized
