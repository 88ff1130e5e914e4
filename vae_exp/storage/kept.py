"""Which checkpoints a finished run keeps (`trainer.keep`), and what needs the removed ones."""

from __future__ import annotations

from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder


def remove_unkept(folder: RunFolder, keep: str) -> None:
    """Remove what a finished run doesn't keep: with `last` the full states, with `none` the weights too."""
    pattern = {"all": None, "last": "epoch_*.safetensors", "none": "*.safetensors"}[keep]
    for file in folder.checkpoints.glob(pattern) if pattern else ():
        file.unlink(missing_ok=True)


def require_states(folder: RunFolder) -> None:
    """Raise UserError when a finished run can't continue because its full states were not kept."""
    if folder.state() == "finished" and (keep := _keep(folder)) != "all" and not list(_states(folder)):
        raise UserError(
            f"{folder.path} can't continue: with trainer.keep={keep} it has no full state; train it in another folder"
        )


def require_weights(folder: RunFolder) -> None:
    """Raise UserError when a finished run has no weights because they were not kept."""
    if _keep(folder) == "none" and folder.state() == "finished" and not folder.weights_file("best").exists():
        raise UserError(f"{folder.path} has no weights: trainer.keep=none; train it again with trainer.keep=last")


def _states(folder: RunFolder) -> list[str]:
    return [file.name for file in folder.checkpoints.glob("epoch_*.safetensors")]


def _keep(folder: RunFolder) -> str:
    trainer = (folder.read_config() or {}).get("trainer")
    return str(trainer.get("keep", "all")) if isinstance(trainer, dict) else "all"
