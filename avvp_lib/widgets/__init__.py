"""Widgets for notebooks: what a person clicks on in JupyterLab. Exported notebooks show a static figure in their place."""

from avvp_lib.widgets.annotation import AnnotationWidget
from avvp_lib.widgets.explorer import ExplorerWidget
from avvp_lib.widgets.explorer_session import ExplorerSession
from avvp_lib.widgets.session import AnnotationSession

__all__ = ["AnnotationSession", "AnnotationWidget", "ExplorerSession", "ExplorerWidget"]
