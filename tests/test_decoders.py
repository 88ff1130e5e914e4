"""Decoders in the page of the report: the same images as torch's, and only from valid files."""

import base64
import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from browser import needs_browser
from compared import compared, config, sweep
from decodable import bright, decodable, fill, points
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import vae_exp
from vae_exp.comparison.decoders import chosen, decoders
from vae_exp.comparison.decoders.decoder import decoder
from vae_exp.comparison.decoders.layers import layers
from vae_exp.comparison.decoders.packing import pack
from vae_exp.config import ConvConfig, MlpConfig
from vae_exp.errors import UserError
from vae_exp.models import build_model

FOLDER = Path(vae_exp.__file__).parent / "comparison" / "page" / "scripts"
SCRIPTS = "".join((FOLDER / f"{name}.js").read_text() for name in ("packing", "decoder"))

# --- the same images -------------------------------------------------------------------------------------------------

NETWORKS = {
    "default": (ConvConfig(), (1, 28, 28)),
    "colour, an odd image": (ConvConfig(channels=[3, 8, 16, 4], kernel_size=4, stride=3, latent_dim=5), (3, 33, 20)),
    "pixels missing": (ConvConfig(channels=[1, 6], kernel_size=3, stride=3, likelihood="gaussian"), (1, 11, 11)),
    "missing, in excess": (
        ConvConfig(channels=[1, 3], kernel_size=2, likelihood="discretized_logistic"),
        (1, 9, 32),
    ),
    "continuous Bernoulli": (ConvConfig(channels=[1, 5], likelihood="continuous_bernoulli"), (1, 8, 8)),
    "relu": (MlpConfig(hidden=[20], activation="relu", likelihood="discretized_logistic", scale=0.05), (1, 8, 8)),
    "tanh": (MlpConfig(hidden=[500, 30], likelihood="gaussian", optimal_scale=True), (1, 28, 28)),
    "softplus, colour": (MlpConfig(hidden=[30, 20], activation="softplus", latent_dim=1), (3, 5, 6)),
}


def arrays(vae):
    return {name: tensor.numpy() for name, tensor in vae.state_dict().items()}


@pytest.mark.process
@needs_browser
@pytest.mark.parametrize("name", NETWORKS)
def test_images_decoded_in_chromium_equal_torchs_within_one_grey_level(browser, name):
    options, shape = NETWORKS[name]
    vae = bright(options, shape)
    z = points(options)
    with torch.no_grad():
        expected = vae.decode(z).mean.permute(0, 2, 3, 1).flatten(1).numpy()
    browser.open("about:blank")
    script = f"{SCRIPTS}; const decode = makeDecoder(arguments[0]);"
    data = decoder(options, layers(options, shape), arrays(vae))
    found = browser.run(f"{script} return arguments[1].map((z) => [...decode(z)])", data, z.tolist())
    assert np.abs(np.array(found) - expected).max() < 1 / 255
    assert expected.std() > 0.1


sides, channels = st.integers(1, 40), st.lists(st.integers(1, 4), min_size=1, max_size=3)


@pytest.mark.slow
@settings(deadline=None)
@given(st.sampled_from([1, 3]), sides, sides, channels, st.integers(1, 5), st.integers(1, 5))
def test_the_layers_have_the_names_and_shapes_of_the_torch_model(colours, height, width, widths, kernel_size, stride):
    shape = (colours, height, width)
    try:
        options = ConvConfig(channels=[colours, *widths], kernel_size=kernel_size, stride=stride)
        weights = build_model(options, shape, 0).decoder.state_dict()
    except UserError:
        reject()
    found = layers(options, shape)
    assert {f"{layer.name}.{part}": each for layer in found for part, each in layer.shapes.items()} == {
        name: tuple(tensor.shape) for name, tensor in weights.items()
    }
    assert found[-1].output == shape


def test_the_work_of_the_default_decoder_equals_a_count_by_hand():
    linear, last = 2 * 3136, 28 * 28 * 32 * 16
    transposed = 7 * 7 * 64 * 64 * 9 + 15 * 15 * 64 * 32 * 9
    assert sum(layer.work for layer in layers(ConvConfig(), (1, 28, 28))) == linear + transposed + last


def test_numbers_are_packed_to_16_bits_of_the_largest():
    numbers = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    text, (factor, zero) = pack([numbers, np.zeros(2, np.float32)])
    integers = np.frombuffer(base64.b64decode(text), "<i2")
    assert np.abs(integers[:150].reshape(3, 50) * factor - numbers).max() <= np.abs(numbers).max() / 65534 * 1.001
    assert (zero, integers[150:].tolist()) == (0, [0, 0])


# --- what is left out ------------------------------------------------------------------------------------------------


def test_codes_come_with_dimensions_sorted_by_use_and_named_labels(tmp_path):
    means = torch.tensor([[0.0, 5.0, 1.0], [0.05, -5.0, 3.0]]).repeat(10, 1)
    labels = torch.tensor([1, 0]).repeat(10)
    folder = decodable(
        tmp_path / "run", config(3), codes={"mean": means, "labels": labels}, classes=["shirt", "\x1b]0;shoe"]
    )
    (found,) = decoders(compared(folder.path)).found
    codes = found["codes"]
    assert (codes["used"], codes["active"], codes["count"], codes["split"]) == ([1, 2, 0], 2, 20, "test")
    assert codes["names"] == ["shirt", "\\x1b]0;shoe"]
    assert list(base64.b64decode(codes["labels"])) == labels.tolist()
    assert len(codes["colours"]) == 2


BAD_WEIGHTS = {
    "NaN": {"decoder.0.bias": torch.full((256,), float("nan"))},
    "infinity": {"decoder.0.bias": torch.full((256,), float("inf"))},
    "one missing": {"decoder.0.bias": None},
    "another shape": {"decoder.0.bias": torch.zeros(16, 16)},
    "64 bits": {"decoder.0.bias": torch.zeros(256, dtype=torch.float64)},
    "integers": {"decoder.0.bias": torch.zeros(256, dtype=torch.int32)},
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_weights_that_do_not_match_the_configuration_are_left_out(tmp_path, name):
    folder = decodable(tmp_path / "run", weights=BAD_WEIGHTS[name])
    found = decoders(compared(folder.path))
    assert found.found == []
    assert found.notes == ["No decoder: the weights are not those of the configuration (decoder.0.bias)."]


BAD_CODES = {
    "NaN": ({"mean": torch.full((30, 2), float("nan"))}, "the codes must be of 1 to 2,000 images, and finite"),
    "none": ({"mean": torch.zeros(0, 2)}, "the codes must be of 1 to 2,000 images, and finite"),
    "many": ({"mean": torch.zeros(2001, 2)}, "the codes must be of 1 to 2,000 images, and finite"),
    "missing": ({"mean": None}, "the codes are not of 2 dimensions"),
    "other dimensions": ({"mean": torch.zeros(30, 3)}, "the codes are not of 2 dimensions"),
    "a cube": ({"mean": torch.zeros(30, 2, 2)}, "the codes are not of 2 dimensions"),
    "negative labels": ({"labels": torch.full((30,), -1)}, "the labels are not one number for each code, 0 or above"),
    "few labels": ({"labels": torch.zeros(29).long()}, "the labels are not one number for each code, 0 or above"),
    "labels with points": ({"labels": torch.zeros(30)}, "the labels are not one number for each code, 0 or above"),
    "labels without a name": (
        {"labels": torch.full((30,), 2)},
        "the labels are not below 2, the number of their names",
    ),
}


@pytest.mark.parametrize("name", BAD_CODES)
def test_codes_and_labels_that_do_not_match_the_configuration_are_left_out(tmp_path, name):
    codes, reason = BAD_CODES[name]
    folder = decodable(tmp_path / "run", codes=codes, classes=["a", "b"])
    found = decoders(compared(folder.path))
    assert found.found == []
    assert found.notes == [f"No decoder: {reason}."]


@pytest.mark.parametrize("name", ["checkpoints/best.safetensors", "codes.safetensors"])
@pytest.mark.parametrize("content", [b"", pickle.dumps({}), b"\xff" * 8 + b"{}", b"\x02" + bytes(7) + b"{}"])
def test_a_file_that_is_not_safetensors_is_left_out(tmp_path, name, content):
    folder = decodable(tmp_path / "run")
    (folder.path / name).write_bytes(content)
    found = decoders(compared(folder.path))
    assert (found.found, found.notes) == ([], [f"No decoder: {Path(name).name} is damaged."])


def test_linked_weights_are_not_read(tmp_path):
    folder = decodable(tmp_path / "run")
    mine = folder.weights_file("best").rename(tmp_path / "mine.safetensors")
    folder.weights_file("best").symlink_to(mine)
    assert decoders(compared(folder.path)).notes == ["No decoder: best.safetensors is damaged."]


def test_too_many_labels_are_left_out_but_their_codes_are_kept(tmp_path):
    folder = decodable(tmp_path / "run", codes={"labels": torch.full((30,), 2**62)})
    (found,) = decoders(compared(folder.path)).found
    assert "labels" not in found["codes"]


@pytest.mark.parametrize(
    ("options", "shape", "reason"),
    [
        (SimpleNamespace(name="linear"), (1, 8, 8), "the network has other layers than conv and mlp"),
        (MlpConfig(), (2, 8, 8), "images of 2 channels have no colours"),
        (ConvConfig(channels=[1, 1, 1, 1, 1], kernel_size=30, stride=30), (1, 10**6, 10**6), "more than 100 million"),
        (ConvConfig(latent_dim=2**62), (1, 28, 28), "more than 100 million"),
        (MlpConfig(hidden=[10**9]), (1, 28, 28), "more than 100 million"),
    ],
)
def test_a_network_that_a_page_can_not_run_is_refused_with_the_reason(options, shape, reason):
    with pytest.raises(UserError, match=reason):
        layers(options, shape)


@pytest.mark.parametrize("shape", [[], [1, 8], [1, 0, 8], [1, -8, -8], [3, 8, 8], [1, 2**40, 2**40]])
def test_a_decoder_whose_image_shape_does_not_fit_is_left_out_with_a_reason(tmp_path, shape):
    folder = decodable(tmp_path / "run")
    environment = folder.environment_file.read_text().replace("1,\n      8,\n      8", ", ".join(map(str, shape)))
    folder.environment_file.write_text(environment)
    found = decoders(compared(folder.path))
    assert (found.found, len(found.notes)) == ([], 1)


@pytest.fixture
def swept(tmp_path):
    """Four configurations with two seeds each: the last one is the best, and the second seed better than the first."""
    jobs = [(config(dim, seed), {"losses": [(9.0 - dim - seed, 1.0)]}) for dim in (2, 3, 4, 5) for seed in (0, 1)]
    made = sweep(tmp_path / "sweep", jobs)
    for job, (options, _) in zip(made.jobs(), jobs, strict=True):
        fill(made.folder(job), options, {}, {})
    return made


def test_the_best_run_of_each_configuration_is_decoded_in_order_of_rank(swept):
    found = decoders(compared(swept.path))
    assert found.notes == []
    assert [each["run"] for each in found.found] == [7, 5, 3, 1]
    assert (found.found[0]["label"], found.found[0]["runs"]) == ("latent_dim=5, seed=1", [6, 7])


def test_decoders_beyond_the_size_limit_are_left_out_worst_configurations_first(swept):
    comparison = compared(swept.path)
    sizes = [len(json.dumps(data)) for data in decoders(comparison).found]
    most = sizes[0] + sizes[1]
    found = decoders(comparison, most)
    assert [each["run"] for each in found.found] == [7, 5]
    reason = f"the page has room for {most / 1e6:.2g} MB of decoders and codes"
    assert found.notes == [f"No decoder of latent_dim=3 and latent_dim=2: {reason}."]


def test_only_the_best_configurations_are_read(swept, monkeypatch):
    monkeypatch.setattr(chosen, "MOST", 1)
    monkeypatch.setattr(chosen, "NAMED", 1)
    comparison = compared(swept.path)
    for job in swept.jobs()[:6]:
        swept.folder(job).config_file.write_text("unreadable: [")
    found = decoders(comparison)
    assert [each["run"] for each in found.found] == [7]
    assert found.notes == ["No decoder of latent_dim=4 and 2 more: only the best configurations are decoded."]


def test_unfinished_incomplete_and_damaged_runs_are_left_out_with_a_reason(swept):
    folders = [swept.folder(job) for job in swept.jobs()]
    for state, folder in zip(("running", "failed"), folders[:2], strict=True):
        folder.write_status(state)
    folders[3].weights_file("best").unlink()
    folders[5].codes_file.unlink()
    content = bytearray(folders[7].codes_file.read_bytes())
    content[-1] ^= 1
    folders[7].codes_file.write_bytes(content)
    found = decoders(compared(swept.path))
    assert found.found == []
    assert found.notes == [
        "No decoder of latent_dim=5: codes.safetensors is damaged.",
        "No decoder of latent_dim=4: it has no codes, which version 0.1 did not save.",
        "No decoder of latent_dim=3: its weights were not kept.",
        "No decoder of latent_dim=2: no run is finished.",
    ]
