"""How the documentation is built: ``make docs``."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from pallets_sphinx_themes import ProjectLink
from sphinx.application import Sphinx

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import tables  # noqa: E402 - found by the line above

project = "flask-sentry-mcp"
copyright = "2026 flask-sentry-mcp contributors"  # the name is Sphinx's
author = "flask-sentry-mcp contributors"
release = version = version_of("flask-sentry-mcp")

default_role = "code"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.intersphinx", "pallets_sphinx_themes", "myst_parser"]
intersphinx_mapping: dict[str, tuple[str, None]] = {}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
exclude_patterns = ["_build"]
templates_path: list[str] = []

html_theme = "flask"
html_static_path = ["_static"]
html_title = f"flask-sentry-mcp {version}"
html_context = {
    "project_links": [
        ProjectLink("Source", "https://github.com/flask-sentry-mcp/flask-sentry-mcp"),
        ProjectLink("Changes", "changes.html"),
    ]
}
html_sidebars = {"**": ["project.html", "localtoc.html", "relations.html", "searchbox.html"]}


class Table(Directive):
    """``.. from-code:: settings``: a table that is written from the code, so that it cannot be wrong."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = tables.TABLES[self.arguments[0]]()
        section = nodes.Element()
        section.document = self.state.document
        self.state.nested_parse(StringList(lines, "tables"), self.content_offset, section)
        return list(section.children)


def setup(app: Sphinx) -> None:
    app.add_directive("from-code", Table)
