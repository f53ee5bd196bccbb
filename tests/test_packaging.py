"""What the project says about itself agrees: dependencies, pins, conda files, citation, and the floors of the house."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "avvp_lib"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Top first. A module imports from lower lines, and from its own package. What is no package here is a module of avvp_lib.
FLOORS = (
    ("cli",),
    ("commands",),
    ("doctor", "series"),
    ("runner",),
    ("own_video", "table_pages", "widgets"),
    ("figures",),
    ("segmentation_tuning", "table_reports"),
    ("cost_pages", "tuning", "table_cells"),
    ("cost_estimates", "learning_curve", "ranking_reports", "segmentation_reports"),
    ("reports",),
    ("cells",),
    ("cost", "data_checks", "predictions", "predictors"),
    ("recipes", "segmentation_bench"),
    ("generator_bench",),
    ("bench",),
    ("profiles", "segmentation_recipes"),
    ("pseudo_labels",),
    ("model_features", "segmentation_training", "shared_training"),
    ("training", "checkpoints", "segmentation_evaluation", "feature_clusters", "relation_agreement"),
    ("objectives", "segmentation_clips"),
    ("models",),
    ("features",),
    ("error_kinds", "losses", "metrics"),
    ("corpora",),
    ("fit_state", "locks", "parallel", "records", "weights"),
    ("published", "table_rows"),
    ("extensions", "provenance", "training_share", "workspace"),
)
HEIGHT = {name: len(FLOORS) - floor for floor, names in enumerate(FLOORS) for name in names}
CPU_EXTRAS = ("features", "notebooks", "workflow", "site", "dev")
GPU_PACKAGES = {"causal-conv1d", "mamba-ssm"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(text: str) -> str:
    """The normalised project name at the beginning of a requirement."""
    return normal(re.match(r"[\w.-]+", text).group())


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {normal(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line and line[0] != "#"}


def wanted() -> set[str]:
    """Every dependency of the core and of the extras that run on a CPU."""
    project = pyproject()
    extras = [text for extra in CPU_EXTRAS for text in project["optional-dependencies"][extra]]
    return {requirement(text) for text in (*project["dependencies"], *extras)}


def conda(name: str) -> tuple[dict, dict[str, str]]:
    """A conda file, and the name -> version pins of its pip section."""
    environment = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    pinned = dict(re.split("==", text) for text in pip if "==" in text)
    assert [text for text in pip if "==" not in text] == ["--editable ."]
    return environment, {normal(name): version for name, version in pinned.items()}


def test_every_dependency_is_pinned():
    assert wanted() <= pins().keys()


@pytest.mark.parametrize("name", ["environment.yml", "environment-gpu.yml"])
def test_conda_files_list_the_same_pins(name):
    environment, pinned = conda(name)
    gpu = {package: pinned.pop(package) for package in GPU_PACKAGES & pinned.keys()}
    assert pinned == {package: pins()[package] for package in wanted()}
    assert "python=3.11" in environment["dependencies"]
    assert environment["name"] == ("avvp-gpu" if gpu else "avvp")
    assert gpu.keys() == (GPU_PACKAGES if "gpu" in name else set())


def test_the_gpu_extra_is_what_the_gpu_file_adds():
    assert {requirement(text) for text in pyproject()["optional-dependencies"]["gpu"]} == GPU_PACKAGES


def test_what_the_lessons_need_is_there():
    for name in ("python", "jupyterlab", "papermill", "torch", "seaborn", "scikit-learn", "umap-learn", "ipywidgets"):
        assert name == "python" or name in wanted()
    assert {"laion-clap", "open-clip-torch"} <= wanted()


def test_imports_are_declared():
    distributions = packages_distributions()
    declared = wanted() | GPU_PACKAGES
    for path in MODULES:
        for name in {module.split(".")[0] for module in imported(path)} - {"avvp_lib"}:
            projects = {normal(project) for project in distributions.get(name, ())}
            assert not projects or projects & declared, (
                f"{path.name} imports {name}, which pyproject.toml does not list"
            )


def test_the_four_papers_are_cited():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    titles = " ".join(reference["title"] for reference in citation["references"])
    assert len(citation["references"]) == 6  # and HAN and VALOR, on which they build
    for word in ("MUG", "EAR", "Class-aware Semantic Enhancement", "SelM"):
        assert word in titles
    assert citation["version"] == pyproject()["version"]
    assert all(reference["authors"] and reference["year"] for reference in citation["references"])


def test_versions_agree():
    import avvp_lib

    assert avvp_lib.__version__ == pyproject()["version"]


def imported(path: Path, everywhere: bool = True) -> set[str]:
    """Modules that a file imports; only those that importing the file itself imports if not `everywhere`."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute in this package"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif everywhere or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return names


def top(dotted: str) -> str | None:
    """The part of avvp_lib that a dotted name belongs to: avvp_lib.corpora.llp.load_llp -> corpora."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "avvp_lib" and len(parts) > 1 and parts[1] in HEIGHT else None


def breaches(path: Path, own: str) -> list[str]:
    parts = {top(name) for name in imported(path)} - {None, own}
    return [f"{own} imports {part}" for part in sorted(parts) if HEIGHT[part] >= HEIGHT[own]]


def test_every_module_has_its_floor():
    names = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES} - {"__init__"}
    assert names <= HEIGHT.keys(), (
        f"say here and in docs/architecture.md where these belong: {sorted(names - HEIGHT.keys())}"
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_looks_up(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert own == "__init__" or breaches(path, own) == []


def test_the_floor_test_can_fail(tmp_path):
    guilty = tmp_path / "guilty.py"
    guilty.write_text("def late():\n    from avvp_lib.recipes import run\n")
    assert breaches(guilty, "metrics") == ["metrics imports recipes"]
    guilty.write_text("from avvp_lib import checkpoints\n")
    assert breaches(guilty, "training") == ["training imports checkpoints"]
    assert breaches(guilty, "recipes") == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_module_says_what_it_is_for(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring and len(docstring.split("\n")[0]) > 20


def test_heavy_and_gpu_libraries_are_imported_where_they_are_used():
    for path in MODULES:
        heavy = {name.split(".")[0] for name in imported(path, everywhere=False)} & {
            "mamba_ssm",
            "causal_conv1d",
            "laion_clap",
        }
        assert not heavy, f"{path.name} imports {heavy} when it is imported itself"


def test_package_data_is_packed():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    packed = {file for pattern in patterns["avvp_lib"] for file in PACKAGE.glob(pattern)}
    others = {
        file
        for file in PACKAGE.rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"} and "__pycache__" not in file.parts
    }
    assert others <= packed
