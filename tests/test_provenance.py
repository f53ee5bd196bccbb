"""Fingerprints change with code and not with prose; a file is whole or absent."""

import sys

import pytest

from avvp_lib.provenance import atomic_path, code_digest, import_closure, json_digest, write_json


@pytest.fixture
def module_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "digest_probe.py"
    sys.modules.pop("digest_probe", None)


def test_prose_does_not_change_the_code_digest_but_code_does(module_file):
    module_file.write_text('"""One."""\nX = 1\n')
    first = code_digest("digest_probe")
    module_file.write_text('"""Two,\nlonger."""\n\n# a comment\nX  =  1\n')
    assert code_digest("digest_probe") == first
    module_file.write_text('"""One."""\nX = 2\n')
    assert code_digest("digest_probe") != first


def test_unknown_module_is_named():
    with pytest.raises(ModuleNotFoundError, match="no_such_module_here"):
        code_digest("no_such_module_here")


def test_the_closure_follows_modules_that_are_imported_by_name_from_their_package():
    closure = import_closure("avvp_lib.corpora.synthetic.sprites")
    assert {f"avvp_lib.corpora.synthetic.sprites.{name}" for name in ("animals", "people", "drawing")} <= set(closure)
    assert "avvp_lib.corpora.synthetic.writer" not in closure and "numpy" not in closure


def test_the_closure_follows_imports_of_imports():
    closure = import_closure("avvp_lib.corpora.llp")
    corpora = {f"avvp_lib.corpora.{name}" for name in ("corpus", "events", "llp")}
    assert set(closure) == corpora | {f"avvp_lib.{name}" for name in ("provenance", "records", "workspace")}


def test_a_file_that_moves_inside_a_package_changes_its_digest(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "digest_package"
    for folder in ("one", "two"):
        (package / folder).mkdir(parents=True)
        (package / folder / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "one" / "part.py").write_text("X = None\n")
    first = code_digest("digest_package")
    (package / "one" / "part.py").rename(package / "two" / "part.py")
    assert code_digest("digest_package") != first


def test_json_digest_ignores_key_order():
    assert json_digest({"a": 1, "b": [2, 3]}) == json_digest({"b": [2, 3], "a": 1})
    assert json_digest({"a": 1}) != json_digest({"a": 2})


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path):
    target = tmp_path / "result.json"
    write_json(target, {"score": 1})
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("interrupted")
    assert target.read_text() == '{\n "score": 1\n}\n'
    assert list(tmp_path.iterdir()) == [target]
