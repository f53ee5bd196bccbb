"""Your own code beside the package: a Python file that registers a model, a pseudo-label method or a corpus when it is loaded."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_extension(path: str | Path) -> ModuleType:
    """Import a Python file by its path, under the name of the file.

    The file calls `register_model`, `register_supervision`, `register_recipe` or `register_corpus`; what it defines can then be trained,
    measured and fingerprinted like the package's own. Loading runs the file: load what you wrote or have read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no .py file, or another module has its name already.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"no extension {path}")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(
            f"{path.name} cannot be imported: an extension is a .py file with a name that Python can import"
        )
    known = sys.modules.get(path.stem)
    if known is not None and Path(getattr(known, "__file__", None) or "").resolve() == path:
        return known
    if known is not None or importlib.util.find_spec(path.stem) is not None:
        raise ValueError(f"there is another module named {path.stem!r}: rename {path.name}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module
