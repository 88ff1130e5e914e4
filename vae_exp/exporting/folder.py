"""The folder of an export, written as a whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vae_exp.config.identity import as_dict, identity_hash
from vae_exp.errors import UserError
from vae_exp.exporting import card, onnx_files, pictures
from vae_exp.exporting.networks import networks
from vae_exp.exporting.source import Source
from vae_exp.loaded_run import best_model
from vae_exp.models.vae import Vae
from vae_exp.storage import checkpoint, files, room
from vae_exp.storage.model_folder import ModelFolder, describe
from vae_exp.storage.paths import require_path

TEMPLATES = Path(__file__).parent / "templates"
MEANINGS = {
    "model.safetensors": "the weights of the best epoch",
    "config.json": "configuration, shape of the images, digest of the data, measures",
    "example.py": "draws images with onnxruntime, numpy and pillow alone",
}


def require_empty(target: Path) -> None:
    """Raise UserError unless `target` can be created, or is an empty folder."""
    if require_path(target, "the new folder").exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} must be a new or empty folder; choose another one")
    room.require_room(target.parent)


def write(source: Source, target: Path, licence: str | None) -> None:
    """Write the export of a run into a new or empty folder.

    Raises UserError, and leaves nothing behind, when its networks can't be exported.
    """
    model = best_model(source.folder, source.config)
    with _made_whole(target) as place:
        description = describe(as_dict(source.config), list(source.shape), source.digest, source.final)
        ModelFolder(place).write(model.state_dict(), int(source.final["best_epoch"]), description)
        meanings = MEANINGS | (_write_networks(source, model, place) if onnx_files.is_available() else {})
        kl = source.final.get("kl_per_dimension") or [0.0] * model.latent_dim
        for name, content in pictures.draw(model, kl, source.config.seed).items():
            files.write(place / name, content)
        shutil.copyfile(TEMPLATES / "example.py", place / "example.py")
        files.write_text(place / "README.md", card.write(source, licence, meanings))


def _write_networks(source: Source, model: Vae, place: Path) -> dict[str, str]:
    """Write the ONNX files; return the meaning of each, by name."""
    meanings = {}
    for name, network in networks(model, source.shape).items():
        metadata = {"model": card.title(source), "run": _run_id(source), "meaning": network.meaning}
        onnx_files.write(network, place / f"{name}.onnx", metadata)
        meanings[f"{name}.onnx"] = network.meaning
    return meanings


def _run_id(source: Source) -> str:
    """Return a hash of the run's identity and weights, which identifies the run and reveals nothing else."""
    return f"{identity_hash(as_dict(source.config))} {checkpoint.digest(source.folder.read_weights('best')[0])[:16]}"


@contextlib.contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes `target` at the end, and is removed after an exception."""
    files.make_folder(target.parent)
    place = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        yield place
        place.chmod(0o755)
        if target.is_dir():
            target.rmdir()
        place.replace(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)
