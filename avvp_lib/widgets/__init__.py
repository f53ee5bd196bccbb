"""Widgets for notebooks: what a person clicks on in JupyterLab. Exported notebooks show a static figure in their place."""

from avvp_lib.widgets.annotation import AnnotationWidget
from avvp_lib.widgets.session import AnnotationSession

__all__ = ["AnnotationSession", "AnnotationWidget"]
