"""Relative paths start at the checkout, and no printed path names the machine."""

from pathlib import Path

from avvp_lib.workspace import shown, workspace


def test_the_checkout_is_found_from_inside(tmp_path, monkeypatch):
    monkeypatch.delenv("AVVP_HOME", raising=False)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    for folder in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(folder)
        assert workspace() == tmp_path
    assert shown("02.ipynb") == str(Path("notebooks", "02.ipynb"))


def test_without_a_checkout_it_is_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("AVVP_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert workspace() == tmp_path and shown(tmp_path / "a" / "b") == str(Path("a", "b"))


def test_the_environment_may_choose_it_even_with_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVVP_HOME", "home")
    assert workspace() == tmp_path / "home"
    assert shown(tmp_path / "home" / "data") == "data"
    assert shown(tmp_path / "elsewhere") == str(tmp_path / "elsewhere")
