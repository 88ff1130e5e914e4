"""Paths that the system can't open are refused in one line, by every command and from Python."""

import pytest
from compared import config as small_config

import vae_exp
from vae_exp import compare, export, reproduce, resume, status, stop, train
from vae_exp.errors import UserError

LONG = "a" * 300
COMMANDS = {
    "resume": (resume.main, [LONG], "the folder"),
    "compare": (compare.main, [LONG], "the folder"),
    "status": (status.main, [LONG], "the folder"),
    "stop": (stop.main, [LONG], "the folder"),
    "export": (export.main, [LONG, "out"], "the folder"),
    "export to": (export.main, ["run", LONG], "the new folder"),
    "reproduce": (reproduce.main, [LONG], "run"),
    "hydra.run.dir": (train.main, [f"hydra.run.dir={LONG}"], "hydra.run.dir"),
    "hydra.sweep.dir": (train.main, ["-m", "seed=0,1", f"hydra.sweep.dir={LONG}"], "hydra.sweep.dir"),
    "images": (train.main, ["data=images", f"data.root={LONG}"], "data.root"),
    "arrays": (train.main, ["data=arrays", f"data.root={LONG}.npz"], "data.root"),
    "mnist": (train.main, ["-m", "data=mnist", "seed=0,1", f"data.root=b/{LONG}/c"], "job 1 of 2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_path_that_is_too_long_is_refused_in_one_line(name, tmp_path, monkeypatch, capsys):
    main, arguments, key = COMMANDS[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["vae_exp", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert (ended.value.code, printed.err.count("\n")) == (2, 1)
    is_announced = key in ("data.root", "job 1 of 2")  # `train` prints its first line before it reads the data
    assert printed.out.count("\n") == is_announced
    assert printed.err.startswith(f"error: {key}")
    assert "must be a path that can be opened" in printed.err
    assert "File name too long" in printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "call",
    [
        vae_exp.load_run,
        vae_exp.load_sweep,
        vae_exp.load_export,
        lambda folder: vae_exp.run(small_config(), folder),
        lambda folder: vae_exp.sweep(small_config(), {"seed": [0]}, folder),
        lambda folder: vae_exp.search(small_config(), {"model.latent_dim": [2, 3]}, folder, trials=1),
    ],
)
@pytest.mark.parametrize("folder", [LONG, "b/" * 2000, "\0"], ids=["name", "path", "null character"])
def test_functions_refuse_a_folder_that_can_not_be_opened_by_its_argument_name(call, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^(folder|run) must be a path that can be opened, got "):
        call(folder)
    assert list(tmp_path.iterdir()) == []
