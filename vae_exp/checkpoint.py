"""Tensors and a little JSON in one safetensors file, with a digest over both.

safetensors holds no code and can't claim more than its own size, so a file from a stranger does no harm. It has no
checksum: the digest finds a flipped bit.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vae_exp import files
from vae_exp.errors import UserError

Tensors = dict[str, Tensor]


class Damaged(UserError):
    """A checkpoint that can't be read, or whose bytes are not those that were written."""


def write(path: Path, tensors: Tensors, state: dict[str, Any]) -> None:
    """Write tensors (copied to the CPU) and JSON-compatible state, atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(state)
    files.write(path, save(tensors, {"state": text, "digest": _digest(tensors, text)}))


def read(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Return tensors on the CPU and the state; raise Damaged, naming the file, if anything is wrong with it."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise Damaged(f"{path} does not exist") from None
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise Damaged(f"{path} is damaged: {str(error).splitlines()[0]}") from None
    text = metadata.get("state", "")
    if metadata.get("digest") != _digest(tensors, text):
        raise Damaged(f"{path} is damaged: its content does not match its digest")
    return tensors, json.loads(text)


def digest(tensors: Tensors) -> str:
    """Return the SHA-256 of named tensors: names, types, shapes and bytes."""
    return _digest({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, "")


def _digest(tensors: Tensors, text: str) -> str:
    sha = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()
