"""Files of runs and bundles are opened by `handles` and `storage` of `kerasnn.files` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORAGE = {ROOT / "kerasnn" / "files" / name for name in ("handles.py", "storage.py")}

# Functions that open, make, move or remove what a path names; in most libraries a path may be
# something in memory, too, so each use has its reason below.
CALLS = {
    *("open", "fdopen", "read_text", "read_bytes", "write_text", "write_bytes", "touch"),
    *("load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "fromfile", "tofile"),
    *("memmap", "genfromtxt", "File", "safe_open", "load_file", "save_file", "imread", "imsave"),
    *("read_csv", "read_parquet", "read_table", "read_json", "read_excel", "read_feather"),
    *("read_pickle", "read_hdf", "to_csv", "to_parquet", "to_json", "to_pickle", "write_table"),
    *("ParquetFile", "ParquetWriter", "ZipFile", "GzipFile", "is_zipfile", "TemporaryFile"),
    *("NamedTemporaryFile", "TemporaryDirectory", "mkstemp", "mkdtemp", "savefig", "copyfile"),
    *("replace", "copy", "remove", "removedirs", "rmtree", "mknod"),
    *("copyfileobj", "copytree", "copy2", "move", "rmtree", "rename", "renames", "unlink"),
    *("rmdir", "mkdir", "makedirs", "mkfifo", "symlink", "symlink_to", "link", "hardlink_to"),
    *("truncate", "chmod", "sendfile", "load_model", "load_weights", "save_weights", "export"),
    *("write", "create_file_writer", "glob", "rglob", "iterdir", "scandir", "listdir", "walk"),
}
# They return text or bytes if no path is given.
WITH_PATH = {"to_csv", "to_json", "to_parquet"}
# Names that mean something of a library only behind its name.
QUALIFIED = {
    "load": {"np", "numpy", "onnx", "saved_model", "json", "yaml", "pickle", "joblib", "torch"},
    "save": {"np", "numpy", "onnx", "model", "network", "image", "plain", "fromarray"},
    "export": {"model", "network"},
    "write": {"os"},
    "replace": {"os"},
    "copy": {"shutil"},
    "remove": {"os"},
    "rename": {"os", "path", "file", "part", "folder"},
    "move": {"shutil"},
    "link": {"os"},
    "walk": {"os", "path", "folder"},
    "read_table": {"pd", "pandas", "pq", "parquet", "csv", "arrow_csv"},
    "save_weights": {"model", "network"},
    "load_weights": {"model", "network", "source"},
    "truncate": {"os", "path"},
    "glob": {"glob", "path", "parent", "folder"},
    "File": {"h5py", "zipfile"},
}
MEMORY = "of bytes in memory"
USERS = "data that the user names, where links are the user's own"
OWN = "a file of the package"
SYSTEM = "what the system says of itself, or nowhere"
TEMPORARY = "a new file of the process, which has a random name in the system's folder"
WORK = "a library writes to a new folder of the export, from which storage moves the whole"
# What stays outside of storage, and why that is no file of a run or bundle.
ALLOWED: dict[str, dict[str, str]] = {
    "cli/checks.py": {"glob": "names beside a run that is not there, to suggest one"},
    "cli/completions.py": {"listdir": "names to complete"},
    "cli/main.py": {"open": SYSTEM},
    "kerasnn/runtime/backend.py": {"open": SYSTEM},
    "kerasnn/bundle/weights.py": {"load": MEMORY, "save": MEMORY},
    "kerasnn/data/readers/arrays.py": {"ZipFile": USERS, "open": USERS},
    "kerasnn/data/media/decoding.py": {"open": USERS},
    "kerasnn/data/readers/delimited.py": {"open": USERS, "read_csv": "a stream of data"},
    "kerasnn/data/readers/encodings.py": {"open": USERS},
    "kerasnn/data/readers/diagnose_file.py": {"open": USERS},
    "kerasnn/data/readers/folders.py": {"ZipFile": USERS, "scandir": USERS},
    "kerasnn/data/readers/jsonlines.py": {"open": USERS},
    "kerasnn/data/readers/parquet.py": {
        "ParquetFile": USERS,
        "TemporaryFile": TEMPORARY,
        "open": USERS,
    },
    "kerasnn/data/media/images.py": {"save": MEMORY},
    "kerasnn/data/readers/sources.py": {
        "copyfileobj": "standard input or a pipe",
        "iterdir": USERS,
        "mkstemp": TEMPORARY,
        "open": USERS,
    },
    "kerasnn/data/readers/ts_header.py": {"open": USERS},
    "kerasnn/data/writing.py": {"to_csv": "a file that storage opened"},
    "kerasnn/datasets/digests.py": {"walk": "names and sizes of data; links are not followed"},
    "kerasnn/estimators/saving.py": {
        "TemporaryDirectory": TEMPORARY,
        "read_bytes": TEMPORARY,
        "write_bytes": TEMPORARY,
    },
    "kerasnn/explain/image.py": {"savefig": MEMORY},
    "kerasnn/runs/reference.py": {"ZipFile": MEMORY, "load": MEMORY, "savez": MEMORY},
    "kerasnn/report/drawing.py": {"savefig": MEMORY},
    "kerasnn/report/page.py": {"read_text": OWN},
    "kerasnn/explain/thumbnails.py": {"save": MEMORY},
    "kerasnn/runs/explain_texts.py": {"read_text": USERS},
    "kerasnn/export/exporter.py": {"rmtree": WORK},
    "kerasnn/export/int8.py": {"TemporaryDirectory": WORK, "write_bytes": WORK},
    "kerasnn/export/keras_file.py": {"load_model": WORK, "save": WORK},
    "kerasnn/export/litert.py": {"TemporaryDirectory": WORK, "write_bytes": WORK},
    "kerasnn/export/onnx_file.py": {"TemporaryDirectory": WORK, "load": WORK, "save": WORK},
    "kerasnn/export/page_check.py": {"save": MEMORY, "to_csv": WORK, "write_bytes": WORK},
    "kerasnn/export/plain_media.py": {"open": "code of export pages, for the reader's files"},
    "kerasnn/export/quiet.py": {"TemporaryFile": TEMPORARY},
    "kerasnn/export/saved_model.py": {"export": WORK, "load": WORK},
    "kerasnn/runs/folder.py": {"read_parquet": "a file that storage opened"},
    "kerasnn/forecasting/model_selection.py": {"load": MEMORY, "savez": MEMORY},
    "kerasnn/layers/pretrained.py": {"File": USERS, "load_weights": USERS},
    "kerasnn/layers/weights_files.py": {"File": USERS},
    "kerasnn/layers/ridge.py": {"memmap": TEMPORARY},
    "kerasnn/files/locks.py": {
        "read_text": SYSTEM,
        "unlink": "the lock that storage opened, while it is held; of a link, the link",
    },
    "kerasnn/runtime/memory.py": {"TemporaryFile": TEMPORARY, "read_text": SYSTEM},
    "kerasnn/training/checkpoints.py": {"load": MEMORY, "save": MEMORY},
    "kerasnn/training/tensorboard.py": {
        "create_file_writer": "TensorFlow writes a new file, where storage made the folder and saw "
        "that no link is in it",
    },
    "models/__init__.py": {"read_text": OWN},
}


def calls(path: Path) -> Iterator[str]:
    """Names of functions that open files, as often as they are called."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        of = ""
        if isinstance(node.func, ast.Name):
            name = node.func.id
        elif isinstance(node.func, ast.Attribute):
            name, of = node.func.attr, _last(node.func.value)
        else:
            continue
        if name in WITH_PATH and not (of and node.args):
            continue
        if name in CALLS and (name not in QUALIFIED or of in QUALIFIED[name]):
            yield name


def _last(node: ast.expr) -> str:
    """The last name before a dot: of ``tf.saved_model`` the second."""
    if isinstance(node, ast.Call):
        return _last(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def found() -> set[tuple[str, str]]:
    files = (file for top in ("kerasnn", "cli", "models") for file in (ROOT / top).rglob("*.py"))
    return {
        (str(file.relative_to(ROOT)), name)
        for file in files
        if file not in STORAGE
        for name in calls(file)
    }


def allowed() -> set[tuple[str, str]]:
    return {(file, name) for file, names in ALLOWED.items() for name in names}


def test_no_other_module_opens_files() -> None:
    assert found() - allowed() == set()


def test_nothing_is_allowed_in_vain() -> None:
    assert allowed() - found() == set()


def test_openings_are_seen(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import json, np, os, shutil\n"
        "json.load(open(run / 'scores.json'))\n"
        "np.load(path); pd.read_parquet(path); path.read_text()\n"
        "os.replace(a, b); os.open(a, 0); shutil.copy(a, b); (folder / 'x').write_bytes(b'')\n"
        "frame.to_csv(index=False); frame.to_csv(path); text.replace('a', 'b'); checkpoints.load()\n"
    )
    assert sorted(calls(module)) == [
        *("copy", "load", "load", "open", "open", "read_parquet", "read_text", "replace"),
        *("to_csv", "write_bytes"),
    ]
