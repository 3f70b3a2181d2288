"""The project itself: what is packaged, and under which names."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def package_folders() -> dict[str, Path]:
    """Each package by the name under which it installs."""
    found = {}
    for top, name in (("kerasnn", "kerasnn"), ("cli", "kerasnn.cli"), ("models", "kerasnn.models")):
        for file in (ROOT / top).rglob("__init__.py"):
            inner = file.parent.relative_to(ROOT / top).parts
            found[".".join([name, *inner])] = file.parent
    return found


def test_packages_are_the_folders(setup: configparser.ConfigParser) -> None:
    listed = setup["options"]["packages"].split()
    assert len(listed) == len(set(listed))
    assert set(listed) == set(package_folders())


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {
        file.parent for top in ("kerasnn", "cli", "models") for file in (ROOT / top).rglob("*.py")
    }
    assert folders == set(package_folders().values())


@pytest.mark.parametrize("name", ["cli", "models"])
def test_second_identity_is_refused(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", f"import {name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert f"ImportError: this is kerasnn.{name}: install kerasnn, then" in run.stderr


def test_requirements_are_what_is_imported(setup: configparser.ConfigParser) -> None:
    extras = setup["options.extras_require"]
    core = names_of(setup["options"]["install_requires"])
    optional = names_of(
        "\n".join(extras[name] for name in ("onnx", "litert", "tensorboard", "tune"))
    )
    files = [file for folder in package_folders().values() for file in folder.glob("*.py")]
    imported = set[str]().union(*map(imports, files))
    third_party = imported - set(sys.stdlib_module_names) - {"kerasnn"}
    names = {
        "PIL": "pillow",
        "ai_edge_litert": "ai-edge-litert",
        "cycler": "matplotlib",  # a part of its interface, as markupsafe is of Jinja's
        "markupsafe": "jinja2",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
    }
    needed = {names.get(name, name) for name in third_party}
    assert core <= needed
    assert needed <= core | optional


def names_of(requirements: str) -> set[str]:
    return {re.split("[<>=]", line)[0].lower() for line in requirements.split("\n") if line}


def imports(file: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_table_of_packages_is_the_order_of_imports() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    layers = parser["importlinter:contract:layers"]["layers"].split()
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## Packages")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [x.strip("()") for x in layers]


def test_tests_are_no_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.slow
def test_wheel_has_every_file(tmp_path: Path, setup: configparser.ConfigParser) -> None:
    # From an archive of the commit's files: a build in the checkout would leave files behind.
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            copy = tmp_path / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "."]
    subprocess.run([*command, str(tmp_path / "source")], cwd=tmp_path, check=True)

    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        "/".join([*package.split("."), file.name])
        for package, folder in package_folders().items()
        for file in folder.iterdir()
        if file.is_file()
    }
    assert {name for name in names if ".dist-info/" not in name} == expected
    (licence,) = (name for name in names if name.endswith("/licenses/LICENSE"))
    assert "Apache License" in zipfile.ZipFile(wheel).read(licence).decode()
