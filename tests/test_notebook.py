"""The Python interface in a notebook: a real kernel runs the cells and displays progress bars and cards."""

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

CELLS = [
    """
import vae_exp
config = vae_exp.Config(
    model=vae_exp.ConvConfig(latent_dim=4, channels=(1, 4)),
    seed=0,
    data=vae_exp.DigitsConfig(),
    trainer=vae_exp.TrainerConfig(epochs=2, threads=1),
    evaluation=vae_exp.EvaluationConfig(final=False),
    figures=vae_exp.FiguresConfig(which=["samples"]),
)
""",
    'run = vae_exp.run(config, "outputs/one")',
    "run",
    'sweep = vae_exp.sweep(config, {"model.latent_dim": [2, 4], "seed": range(2)}, "outputs/two", jobs=2)',
    "sweep",
    "print(sweep.table.shape, sweep.best, sweep.runs[0].model.latent_dim, sweep.report)",
    'run.figure("samples")',
    'vae_exp.run(config, "outputs/three", progress=False)',
    'vae_exp.ConvConfig(latent_dim="4")',
]


@pytest.mark.process
def test_a_notebook_trains_sweeps_and_displays_cards(tmp_path):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": tmp_path}}
    ).execute()
    _, trained, run, swept, sweep, parts, figure, quiet, refused = [cell.outputs for cell in notebook.cells]
    assert "epoch 2/2" in trained[0].data["text/html"]
    assert "val " in trained[0].data["text/html"]
    assert "finished" in run[0].data["text/html"]
    assert "data:image/png;base64," in run[0].data["text/html"]
    assert run[0].data["text/plain"].startswith("LoadedRun(outputs/one: finished, best epoch ")
    assert len(swept) == 1  # only the bar: the table is displayed by `sweep`
    assert "job 4/4" in swept[0].data["text/html"]
    assert "<td>2</td>" in sweep[0].data["text/html"]
    assert "outputs/two/report.html" in parts[0].text
    assert "image/png" in figure[0].data
    assert [output.output_type for output in quiet] == ["execute_result"]
    assert refused[0].evalue == "model.latent_dim must be an integer of at most 64 bits, got '4'"
    assert {file.name for file in tmp_path.iterdir()} == {"outputs"}  # nothing went to MLflow
