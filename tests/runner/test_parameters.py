"""Parameters are read from one cell and refused before anything starts."""

import pytest

from avvp_lib.runner.notebooks import to_notebook
from avvp_lib.runner.parameters import Parameter, checked, read_parameters, typed
from avvp_lib.runner.runs import LONGEST_NAME, run_name
from avvp_lib.runner.sets import read_sets

CELL = """# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size
# a line of its own
seed: int = 0  # of the training
shift = -1
rate = 0.5  # learning rate
loud = False
layers = 2  # one of 1, 2, 4
"""


@pytest.fixture
def parameters(tmp_path) -> dict[str, Parameter]:
    (tmp_path / "a.py").write_text(CELL)
    return read_parameters(to_notebook(tmp_path / "a.py"), "a.py")


def test_a_cell_is_read_line_by_line(parameters):
    assert list(parameters.values()) == [
        Parameter("profile", "tutorial", "one of smoke, tutorial: the size", ("smoke", "tutorial")),
        Parameter("seed", 0, "of the training"),
        Parameter("shift", -1, ""),
        Parameter("rate", 0.5, "learning rate"),
        Parameter("loud", False, ""),
        Parameter("layers", 2, "one of 1, 2, 4", (1, 2, 4)),
    ]


def test_text_takes_the_type_of_the_default(parameters):
    written = [
        ("profile", "smoke"),
        ("seed", "3"),
        ("shift", "-2"),
        ("rate", "1e-3"),
        ("loud", "True"),
        ("layers", "4"),
    ]
    values = typed(parameters, written, "a.py")
    assert values == {"profile": "smoke", "seed": 3, "shift": -2, "rate": 0.001, "loud": True, "layers": 4}
    assert [type(value) for value in values.values()] == [str, int, int, float, bool, int]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("seed", "1.5", "a.py: seed must be a whole number, not '1.5'"),
        ("seed", "", "seed must be a whole number, not ''"),
        ("rate", "fast", "rate must be a number, not 'fast'"),
        ("rate", "nan", "rate must be a finite number, not nan"),
        ("loud", "yes", "loud must be true or false, not 'yes'"),
        ("profile", "smok", "profile must be one of smoke, tutorial, not 'smok': did you mean 'smoke'?"),
        ("layers", "3", "layers must be one of 1, 2, 4, not 3"),
    ],
)
def test_text_that_does_not_fit(parameters, name, text, message):
    with pytest.raises(ValueError) as caught:
        typed(parameters, [(name, text)], "a.py")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"sed": 1},
            "a.py has no parameter 'sed': did you mean 'seed'? It takes profile, seed, shift, rate, loud, layers",
        ),
        ({"zzz": 1}, "a.py has no parameter 'zzz': It takes profile"),
        ({"seed": True}, "seed must be a whole number, not True"),
        ({"seed": 1.0}, "seed must be a whole number, not 1.0"),
        ({"seed": "1"}, "seed must be a whole number, not '1'"),
        ({"seed": [1, 2]}, "seed must be a whole number, not [1, 2]"),
        ({"seed": None}, "seed must be a whole number, not None"),
        ({"loud": 1}, "loud must be true or false, not 1"),
        ({"profile": 5}, "profile must be text, not 5 (in quotes it is text)"),
        ({"rate": "1e-3"}, "not '1e-3' (YAML reads 1e-3 as text; write 1.0e-3)"),
    ],
)
def test_values_that_do_not_fit(parameters, given, message):
    with pytest.raises(ValueError) as caught:
        checked(parameters, given, "a.py")
    assert message in str(caught.value)


def test_a_set_is_completed_by_the_defaults(parameters):
    values = checked(parameters, {"rate": 1, "seed": 3}, "a.py")
    assert values == {"profile": "tutorial", "seed": 3, "shift": -1, "rate": 1.0, "loud": False, "layers": 2}
    assert type(values["rate"]) is float


def test_a_name_comes_once():
    with pytest.raises(ValueError, match="seed is given twice"):
        typed({"seed": Parameter("seed", 0, "")}, [("seed", "1"), ("seed", "2")], "a.py")


def sets(tmp_path, text: str, common=None) -> list[dict]:
    (tmp_path / "sets.yaml").write_text(text)
    return read_sets(tmp_path / "sets.yaml", common)


def test_sets_are_a_list_or_a_grid(tmp_path):
    assert sets(tmp_path, "- {seed: 1}\n- {seed: 2, rate: 1.0e-3}\n") == [{"seed": 1}, {"seed": 2, "rate": 0.001}]
    assert sets(tmp_path, "seed: [0, 1]\nloud: [true]\nprofile: smoke\n") == [
        {"seed": 0, "loud": True, "profile": "smoke"},
        {"seed": 1, "loud": True, "profile": "smoke"},
    ]
    assert sets(tmp_path, "- {}\n- {seed: 2}\n", {"loud": True}) == [{"loud": True}, {"loud": True, "seed": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold a list of mappings"),
        ("seed", "must hold a list of mappings"),
        ("- seed\n- rate\n", "must hold a list of mappings"),
        ("seed: []\n", "holds no set"),
        ("[]", "holds no set"),
        ("seed: [0\n", "cannot be read"),
        ("seed: [0]\nseed: [1]\n", "'seed' is given twice"),
        ("- {1: 2}\n", "1 is no name of a parameter"),
        ("- !!python/object/apply:os.getcwd []\n", "cannot be read"),
        ("- {loud: true}\n", "loud is given twice: on the command line"),
    ],
)
def test_sets_that_are_none(tmp_path, text, message):
    with pytest.raises(ValueError) as caught:
        sets(tmp_path, text, {"loud": False} if "loud" in text else None)
    assert message in str(caught.value)


def test_names_of_folders_are_readable_and_never_shared():
    assert run_name("06", {}) == "06"
    assert run_name("06", {"profile": "smoke", "seed": -3, "rate": 1e-05, "loud": True}) == (
        "06-profile=smoke-seed=-3-rate=1e-05-loud=true"
    )
    strange = ["a/b", "a_b", "A_b", "a b", "../a", "", "ä", "a\n", "a.", "CON", "{x}", "x" * 500, "x" * 501]
    names = [run_name("06", {"out": value}) for value in strange]
    assert len({name.lower() for name in names}) == len(strange)
    for name in names:
        assert len(name) <= LONGEST_NAME + 9 and name.isascii() and name.isprintable()
        assert not set(name) & set('/\\:*?"<>|{} ') and not name.endswith(".")
