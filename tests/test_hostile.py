"""Untrusted files: no payload runs, nothing outside the folder is read or written, no size exhausts the memory."""

import ast
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import hydra
import pytest
import torch
import yaml
from safetensors.torch import save

import vae_exp
from vae_exp import experiment
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    IwaeConfig,
    MlpConfig,
    NoTrackingConfig,
    TrainerConfig,
)
from vae_exp.config.identity import as_dict
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError
from vae_exp.loading import load_run
from vae_exp.preparation import check
from vae_exp.storage import checkpoint, records
from vae_exp.storage.checkpoint import Damaged
from vae_exp.storage.pictures import read_png
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job, SweepFolder


def config(**groups):
    small = {
        "model": MlpConfig(hidden=[3]),
        "data": DigitsConfig(),
        "trainer": TrainerConfig(epochs=1, batch_size=500, device="cpu", threads=1),
        "evaluation": EvaluationConfig(final=False),
        "figures": FiguresConfig(which=[]),
        "tracking": NoTrackingConfig(),
    }
    return Config(**(small | groups))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of one epoch; tests only read it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    experiment.run(config(), folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return RunFolder(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def mark(tmp_path):
    """The file that a payload would create."""
    return tmp_path / "mark"


def longer():
    return config(trainer=TrainerConfig(epochs=2, batch_size=500, device="cpu", threads=1))


# Code


class Payload:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_pickle_in_place_of_a_checkpoint_does_not_run(folder, mark):
    poison = pickle.dumps(Payload(mark))
    pickle.loads(poison)
    mark.unlink()  # the payload works if it is loaded
    whole = folder.weights_file("best").read_bytes()
    archive = folder.path / "archive.pt"
    torch.save(Payload(mark), archive)
    for content in (poison, archive.read_bytes(), whole + poison, poison + whole):
        for path in folder.checkpoints.iterdir():
            path.write_bytes(content)
            with pytest.raises(Damaged):
                checkpoint.read(path, dict)
        experiment.run(longer(), folder.path)
        folder.remove_final()
    assert not mark.exists()


def test_a_yaml_tag_does_not_run(folder, mark):
    text = f"model: !!python/object/apply:os.mkdir ['{mark}']\n"
    yaml.unsafe_load(text)
    mark.rmdir()  # the payload works if it is loaded
    folder.config_file.write_text(folder.config_file.read_text() + text)
    with pytest.raises(UserError, match="must have no tags"):
        folder.read_config()
    assert not mark.exists()


def targets(mark):
    target = {"_target_": "pathlib.Path.touch", "_args_": [{"_target_": "pathlib.Path", "_args_": [str(mark)]}]}
    return [
        {"hydra": {"callbacks": {"mine": target}}},
        {"_target_": "pathlib.Path.touch"},
        {"model": target},
        {"data": {"name": "digits", "root": target}},
        {"optimizer": {"name": "adam", **target}},
        {"tracking": {"name": "mlflow", "uri": "http://127.0.0.1:9"}},
        {"model": {"name": "pathlib.Path"}},
        {"model": {"name": ["conv"]}},
    ]


def test_the_target_payload_works_when_instantiated(mark):
    hydra.utils.instantiate(targets(mark)[0]["hydra"]["callbacks"]["mine"])
    assert mark.exists()


@pytest.mark.parametrize("number", range(8))
def test_a_target_or_hydra_key_in_a_configuration_is_refused(mark, number):
    poison = targets(mark)[number]
    with pytest.raises(UserError, match=r"^config\.yaml") as error:
        load_config(as_dict(config()) | poison, "config.yaml")
    assert "\n" not in str(error.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    "override",
    [
        "hydra.callbacks.mine._target_=pathlib.Path.touch",
        "+hydra.callbacks.mine._target_=pathlib.Path.touch",
        "++hydra.launcher._target_=x",
        "hydra/launcher=joblib",
        "data@hydra.launcher=digits",
        "hydra.searchpath=[/home]",
        "--config-dir=/home",
        "-m",
        "~model",
        "seed=0\nhydra.run.dir=/home",
        7,
        None,
    ],
)
def test_a_planned_override_that_is_not_a_plain_key_is_refused(tmp_path, override):
    sweep = SweepFolder(tmp_path)
    sweep.write_plan([Job("seed=0_12345678", "seed=0", ["seed=0"], as_dict(config()))], [])
    assert len(sweep.jobs()) == 1
    sweep.write_plan([Job("seed=0_12345678", "seed=0", ["seed=0", override], as_dict(config()))], [])
    with pytest.raises(UserError, match=r"must have overrides like model|overrides\[1\] must be str"):
        sweep.jobs()


BUILTINS = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
METHODS = {"unsafe_load", "full_load", "instantiate", "popen", "bind", "listen", "create_server", "serve_forever"}
CALLS = {"os.system", "torch.load", "np.load", "numpy.load", "yaml.load_all", "pandas.read_pickle", "pd.read_pickle"}
LIBRARIES = {
    "subprocess": {"environment", "slurm"},  # git, squeue and scancel, with lists of arguments
    "ctypes": {"memory"},
    "socket": {"process", "download"},  # the name of this host; a timeout
    "urllib.request": {"address", "download"},  # a path from an address; an error of the data sets' download
    "requests": {"messages", "download"},
    "joblib": {"local"},  # processes for a sweep from Python; nothing is loaded from a file
    "runpy": {"__main__"},  # the package's own verbs, by a fixed list
    **{name: set() for name in ("pickle", "marshal", "shelve", "dill", "cloudpickle")},
    **{name: set() for name in ("http.server", "socketserver", "wsgiref", "xmlrpc", "asyncio", "flask")},
}
"""Libraries that can run code or use the network, with the modules that may import them."""


@pytest.mark.parametrize("file", sorted(Path(vae_exp.__file__).parent.rglob("*.py")), ids=lambda file: file.stem)
def test_nothing_in_the_package_runs_what_it_reads_or_listens_on_the_network(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            require_harmless_call(node)
        elif isinstance(node, ast.Import):
            require_allowed([alias.name for alias in node.names], file)
        elif isinstance(node, ast.ImportFrom):
            require_allowed([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)], file)


def require_harmless_call(node):
    name = ast.unparse(node.func)
    assert name not in BUILTINS | CALLS, name
    assert not (isinstance(node.func, ast.Attribute) and node.func.attr in METHODS), name
    assert not any(keyword.arg == "shell" for keyword in node.keywords), name
    if name == "yaml.load":
        assert [ast.unparse(argument) for argument in node.args[1:]] == ["_PlainLoader"]


def require_allowed(names, file):
    for library, files in LIBRARIES.items():
        if any(name == library or name.startswith(f"{library}.") for name in names):
            assert file.stem in files, f"{file} imports {library}"


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "os.system(text)",
        "yaml.load(text, yaml.Loader)",
        "hydra.utils.instantiate(config)",
        "subprocess.run(text, shell=True)",
        "torch.load(path, weights_only=True)",
        "server.listen()",
    ],
)
def test_the_source_check_detects_a_dangerous_call(line):
    with pytest.raises(AssertionError):
        require_harmless_call(ast.parse(line).body[0].value)


@pytest.mark.parametrize("line", ["import pickle", "import http.server", "import subprocess"])
def test_the_source_check_detects_a_dangerous_import(line):
    with pytest.raises(AssertionError, match="imports"):
        require_allowed([alias.name for alias in ast.parse(line).body[0].names], Path("vae_exp/models/mlp.py"))


WATCHED = """
import os, runpy, socket, sys

def note(event, arguments):
    if event in ("listen", "socket.connect", "socket.getaddrinfo", "os.system", "pickle.find_class"):
        events.write(f"{event} {arguments[1:]}\\n".encode())

events = open("events", "wb", buffering=0)
sys.addaudithook(note)
socket.socket.listen = lambda *arguments: note("listen", arguments)
with socket.socket() as own:
    own.listen(1)
runpy.run_module("vae_exp.train", run_name="__main__", alter_sys=True)
"""


@pytest.mark.process
def test_a_run_opens_no_port_makes_no_connection_and_unpickles_nothing(tmp_path):
    quick = ["data=digits", "model.channels=[1,8]", "trainer.epochs=1", "evaluation.final=false", "figures.which=[]"]
    command = [sys.executable, "-c", WATCHED, *quick, "hydra.run.dir=run"]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mlflow.db").is_file()
    assert (tmp_path / "events").read_text().splitlines() == ["listen (1,)"]


# Reading outside the folder


@pytest.mark.parametrize(
    "poison",
    [
        {"seed": "${oc.env:SECRET}"},
        {"tracking": {"name": "mlflow", "experiment": "${oc.env:SECRET}"}},
        {"data": {"name": "digits", "root": "/home/${oc.env:SECRET}"}},
        {"figures": {"which": ["${oc.env:SECRET}"]}},
        {"model": "${data}"},
        {"${oc.env:SECRET}": 1},
        {"seed": "${seed}"},
        {"seed": "???"},
    ],
)
def test_an_interpolation_is_refused_and_never_resolved(monkeypatch, poison):
    monkeypatch.setenv("SECRET", "hunter2")
    with pytest.raises(UserError, match=r"^config\.yaml") as error:
        load_config(as_dict(config()) | poison, "config.yaml")
    assert "hunter2" not in str(error.value)


def test_reproducing_an_untrusted_run_does_not_read_its_data_folder(tmp_path):
    from vae_exp.reproduce import _ours

    theirs = config(data=DigitsConfig(root=str(tmp_path / "private")))
    assert _ours(theirs, []).data.root is None
    assert _ours(theirs, [f"data.root={tmp_path}"]).data.root == str(tmp_path)


@pytest.mark.parametrize("name", ["config.yaml", "status.json", "environment.json", "final.json", "metrics.jsonl"])
def test_a_link_to_a_file_outside_the_run_is_not_read(folder, tmp_path, name):
    private = tmp_path / "private"
    private.write_text("password: hunter2")
    (folder.path / name).unlink()
    (folder.path / name).symlink_to(private)
    with pytest.raises(UserError, match=name) as error:
        experiment.run(longer(), folder.path)
    assert "hunter2" not in str(error.value)
    for read in (folder.read_config, folder.read_status, folder.read_environment, folder.read_final, folder.records):
        if name.split(".")[0] in read.__name__ or (name, read) == ("metrics.jsonl", folder.records):
            with pytest.raises(UserError, match=name):
                read()


def test_a_link_to_weights_outside_the_run_is_not_read(folder, tmp_path):
    path = folder.weights_file("best").rename(tmp_path / "mine.safetensors")
    folder.weights_file("best").symlink_to(path)
    with pytest.raises(Damaged, match="must be a file"):
        folder.read_weights("best")


def test_a_link_in_place_of_a_checkpoint_is_skipped_and_its_target_unchanged(folder, tmp_path):
    newest = folder.checkpoints / "epoch_0001.safetensors"
    mine = newest.rename(tmp_path / "mine.safetensors")
    before = mine.read_bytes()
    newest.symlink_to(mine)
    experiment.run(longer(), folder.path)
    assert f"WARNING {newest} must be a file" in folder.log_file.read_text()
    assert "continuing after epoch" not in folder.log_file.read_text()
    assert mine.read_bytes() == before
    assert not newest.is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("name", ["config.yaml", "status.json", "metrics.jsonl", "checkpoints/best.safetensors"])
def test_a_pipe_is_refused_without_waiting_for_it(folder, name):
    (folder.path / name).unlink()
    os.mkfifo(folder.path / name)
    with pytest.raises(UserError, match="must be a file"):
        [folder.read_config(), folder.read_status(), folder.records(), folder.read_weights("best")]


def test_a_postscript_file_in_place_of_a_picture_is_refused_and_starts_nothing(folder, mark, monkeypatch):
    subprocess_run = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **_: subprocess_run.append(arguments))
    picture = folder.figures / "steps" / "epoch_0000.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(UserError, match="can't be read as PNG"):
        read_png(picture)
    assert not subprocess_run


@pytest.mark.parametrize("size", [8 * 2**20 + 1, 2**40])
def test_a_picture_file_that_is_too_large_is_refused_unread(folder, size):
    folder.figures.mkdir(exist_ok=True)
    with (folder.figures / "samples.png").open("wb") as file:
        file.truncate(size)
    with pytest.raises(UserError, match="must have at most 8388608 bytes"):
        read_png(folder.figures / "samples.png")


def test_weights_that_are_nan_are_not_loaded(folder):
    weights, epoch = folder.read_weights("best")
    name = next(iter(weights))
    weights[name].view(-1)[0] = torch.nan
    folder.write_weights("best", weights, epoch)
    with pytest.raises(UserError, match=f"'{name}' must hold finite numbers"):
        _ = load_run(folder.path).model


def test_a_finished_job_without_final_measures_needs_to_run_again(folder):
    sweep = SweepFolder(folder.path.parent)
    job = Job(folder.path.name, "run", [], as_dict(config()))
    assert not sweep.needs_run(job)
    folder.remove_final()
    assert sweep.needs_run(job)


# Writing outside the folder


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../escaped", "/escaped", "a/b", "a\\b", ".hidden", "-rf", "a\n", "a b", "é", "x" * 121, 7, None],
)
def test_a_job_name_that_is_not_a_folder_inside_the_sweep_is_refused(tmp_path, name):
    sweep = SweepFolder(tmp_path / "sweep")
    sweep.write_plan([Job(name, "seed=0", [], as_dict(config()))], [])
    refused = "a job's name must be that of a folder inside the sweep's|name must be str"
    with pytest.raises(UserError, match=refused) as error:
        sweep.jobs()
    assert str(error.value).isprintable()


def test_a_job_folder_that_is_a_link_is_refused(tmp_path):
    sweep = SweepFolder(tmp_path / "sweep")
    sweep.write_plan([Job("seed=0_12345678", "seed=0", [], as_dict(config()))], [])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sweep" / "seed=0_12345678").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="must not be a link"):
        sweep.jobs()


@pytest.mark.parametrize("name", [".hydra", "metrics.jsonl", "run.log", "figures", "figures/steps", "checkpoints"])
@pytest.mark.parametrize("exists", [True, False])
def test_nothing_is_written_through_a_link_in_a_run_folder(folder, tmp_path, name, exists):
    inside, outside = folder.path / name, tmp_path / "outside"
    if exists and inside.exists():
        inside.rename(outside)
    elif exists:
        outside.mkdir()
    shutil.rmtree(inside) if inside.is_dir() else inside.unlink(missing_ok=True)
    before = tree(outside)
    inside.parent.mkdir(exist_ok=True)
    inside.symlink_to(outside)
    with pytest.raises(UserError, match="must not be a link: what is written here stays in its folder"):
        experiment.run(longer(), folder.path)
    assert tree(outside) == before


def tree(path):
    if path.is_dir():
        return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    return path.read_bytes() if path.exists() else None


def test_control_characters_in_errors_are_escaped(folder):
    folder.status_file.write_text(json.dumps({"state": "\x1b]0;owned\x07", "error": None}))
    with pytest.raises(UserError) as error:
        folder.read_status()
    assert str(error.value).isprintable()
    saved = as_dict(config()) | {"\x1b[31m\u202e": 1}
    with pytest.raises(UserError, match=r"\\x1b\[31m\\u202e") as error:
        load_config(saved, "config.yaml")
    assert str(error.value).isprintable()


# Memory


def header(entries, content=b""):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + content


@pytest.mark.parametrize(
    "content",
    [
        header({"x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}, b"\0" * 100),
        header({"x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 100]}}, b"\0" * 100),
        header({"x": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}),
        header({"x": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}}),
        header({"x": {"dtype": "F32", "shape": [10**30], "data_offsets": [0, 0]}}),
        header({"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"\0" * 4),
        header({str(i): {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} for i in range(1000)}, b"\0" * 4),
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 2**64 - 1) + b"{}",
        header({"x": [[[]]] * 10}),
    ],
)
def test_a_checkpoint_that_claims_more_than_it_holds_is_refused(tmp_path, content):
    path = tmp_path / "claims.safetensors"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=f"^{path} is damaged: "):
        checkpoint.read(path, records.Training)


def test_a_sparse_checkpoint_larger_than_the_memory_is_refused_unread(tmp_path):
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        try:
            file.truncate(2**43)
        except OSError as error:
            pytest.skip(f"no file of 8 TiB here: {error}")
    with pytest.raises(Damaged, match="more than the free memory"):
        checkpoint.read(path, dict)


@pytest.mark.parametrize("state", ["[" * 100_000, "null", "[]", "", '{"epoch": 1' + "0" * 5000 + "}", "{}"])
def test_an_invalid_state_with_the_right_digest_is_refused(tmp_path, state):
    path = tmp_path / "state.safetensors"
    tensors = {"x": torch.zeros(1)}
    path.write_bytes(save(tensors, {checkpoint.METADATA: f"{checkpoint._digest(tensors, state)} {state}"}))
    with pytest.raises(Damaged, match=f"^{path}: its state") as error:
        checkpoint.read(path, records.Weights)
    assert len(str(error.value)) < 500


BOMBED = """
import resource, sys
from pathlib import Path
from vae_exp.storage import checkpoint
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    checkpoint.read(Path(sys.argv[1]), dict)
except checkpoint.Damaged as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report the peak memory of a process")
def test_a_zip_bomb_in_place_of_a_checkpoint_is_refused_packed(tmp_path):
    torch.save({"x": torch.zeros(50 * 10**6)}, tmp_path / "whole.pt")
    path = tmp_path / "bomb.safetensors"
    with zipfile.ZipFile(tmp_path / "whole.pt") as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    assert path.stat().st_size < 2**18
    done = subprocess.run([sys.executable, "-c", BOMBED, str(path)], capture_output=True, text=True, check=True)
    kilobytes = int(done.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 50_000


LAUGHS = "a: &a [x, x]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]" for i in range(24)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "must have no anchors and aliases"),
        ("&a [*a]", "must have no anchors and aliases"),
        ("a: " + "[" * 100_000, "is nested too deeply"),
        ("{a: " * 30 + "1" + "}" * 30, "is nested too deeply"),
        ("- " * 30 + "x", "is nested too deeply"),
        ("seed: " + "9" * 5001, "has a value that is too long"),
        ("seed: " + "9" * 4500, "is not plain YAML"),
        ("seed: 2001-99-99", "is not plain YAML"),
        ("? [a]\n: 1", "is not plain YAML"),
        ("seed: \0", "is not plain YAML"),
        ("x" * 300_000, "must have at most 262144 bytes"),
        ("[1, 2]", "must hold a mapping, got list"),
        ("a: 02", "not written in plain digits"),
        ("a: 3:20", "not written in plain digits"),
        ("a: [1, {b: 0x1f}]", "not written in plain digits"),
        ("a: 1_000.5", "not written in plain digits"),
        ("a: 1\nb: 2\na: 3", "has a key twice"),
        ("a: {b: 1, b: 2}", "has a key twice"),
        ("", "must hold a mapping, got NoneType"),
        ("a: 1\n---\nb: 2", "is not plain YAML"),
    ],
)
def test_a_configuration_made_to_exhaust_memory_or_time_is_refused(folder, text, message):
    folder.config_file.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        folder.read_config()
    assert str(error.value).startswith(str(folder.config_file))
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["status.json", "final.json", "environment.json", "metrics.jsonl"])
def test_a_json_file_that_is_deeply_nested_or_huge_is_refused(folder, name):
    path = folder.path / name
    deep = '{"a":' * 900 + "1" + "}" * 900 + "\n"
    for make in (
        lambda: path.write_text(deep),
        lambda: path.write_text('{"a":' * 100_000 + "\n"),
        lambda: os.truncate(path, 2**40),
    ):
        make()
        with pytest.raises(UserError, match=f"^{path}"):
            [folder.read_status(), folder.read_final(), folder.read_environment(), folder.records()]


@pytest.mark.parametrize(
    "groups",
    [
        {"model": MlpConfig(latent_dim=10**12)},
        {"model": MlpConfig(hidden=[10**7, 10**7])},
        {"model": MlpConfig(latent_dim=10**18)},
        {"model": ConvConfig(channels=[1, 10**9, 10**9])},
        {"model": ConvConfig(channels=[1, 1, 1], kernel_size=1001, stride=1001)},  # few weights, but 4 TB of pixels
        {"objective": IwaeConfig(samples=10**12)},
    ],
)
def test_a_model_that_would_fill_the_memory_is_refused_before_it_is_built(groups):
    with pytest.raises(UserError, match=r"^model\.\*"):
        check(config(**groups))


@pytest.mark.parametrize("threads", [10**6, 2**40])
def test_too_many_threads_are_refused(folder, threads):
    with pytest.raises(UserError, match=r"trainer\.threads must be at most 1024"):
        TrainerConfig(threads=threads)
    saved = folder.read_config()
    saved["trainer"]["threads"] = threads
    folder.write_config(saved)
    with pytest.raises(UserError, match=r"trainer\.threads must be at most 1024"):
        experiment.run(config(trainer=TrainerConfig(epochs=2, batch_size=500, device="cpu")), folder.path)
