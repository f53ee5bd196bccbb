"""Sphinx: notebooks and pages as HTML that needs no network, neither while it is built nor while it is read."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from avvp_site.api import on_docstring, on_signature  # noqa: E402

import avvp_lib  # noqa: E402 - after the path has been set

project, author, release = "avvp", "the avvp authors", avvp_lib.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "avvp_site.mathml"]
suppress_warnings = [
    "myst.header",  # docs/claims.md leaves a level of headings out
    "ref.python",  # a type in a docstring, such as name, is also the name of several attributes: it gets no link
]

# notebooks: shown as they were committed
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # the default loads scripts from elsewhere
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "dollarmath", "html_image"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

# the library: docstrings are prose with `code` in single backticks
autodoc_default_options = {
    "members": True,
    "ignore-module-all": True,
    "member-order": "bysource",
    "no-value": True,
}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
default_role = "code"
python_maximum_signature_line_length = 90
add_module_names = False
viewcode_follow_imported_members = False  # a name belongs to the module that defines it
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "avvp"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = ["site.js"]
image_loading = "lazy"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", on_docstring, priority=400)  # before napoleon turns sections into fields
    app.connect("autodoc-process-signature", on_signature)
