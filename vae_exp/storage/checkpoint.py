"""Tensors and JSON in one safetensors file, with a digest of both.

safetensors holds no code, and its header can't claim more than the file's size, so an untrusted file does no harm.
It has no checksum of its own: the digest finds a flipped bit. torch and NumPy are imported when tensors are read or
written: `status` and `stop` look at folders without.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import psutil
from safetensors import SafetensorError, safe_open

from vae_exp.errors import UserError, one_line
from vae_exp.storage import files

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Tensors: TypeAlias = "dict[str, Tensor]"
Arrays: TypeAlias = "dict[str, NDArray[Any]]"

METADATA = "vae_exp"
"""The only metadata key; it holds digest and state. safetensors writes several keys in any order, and files of the same
content must have the same bytes."""


class Damaged(UserError):
    """A checkpoint that can't be read, or doesn't match its digest."""


def write(path: Path, tensors: Tensors, state: dict[str, Any]) -> None:
    """Write tensors (copied to the CPU) and JSON-compatible state, atomically."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(state, allow_nan=False)
    files.write(path, save(tensors, {METADATA: f"{_digest(tensors, text)} {text}"}))


def read(path: Path, kind: type) -> tuple[Tensors, dict[str, Any]]:
    """Return tensors on the CPU, and the state, which must have the keys of this record.

    Raises Damaged, naming the file, if anything is wrong with it. The file's size is checked before anything is
    allocated.
    """
    return _read(path, kind, "pt", _digest)


def read_arrays(path: Path, kind: type) -> tuple[Arrays, dict[str, Any]]:
    """Return what `read` does as NumPy's arrays, for what shows numbers and needs no torch."""
    return _read(path, kind, "numpy", _digest_of_arrays)


def _read(path: Path, kind: type, framework: str, digest: Callable[[Any, str], str]) -> tuple[Any, dict[str, Any]]:
    try:
        _require_room(path)
        with safe_open(path, framework=framework) as file:
            metadata = (file.metadata() or {}).get(METADATA, "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        written, _, text = metadata.partition(" ")
        found = digest(tensors, text)
    except FileNotFoundError:
        raise Damaged(f"{path} does not exist") from None
    except UserError as error:
        raise Damaged(str(error)) from None
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError) as error:
        raise Damaged(f"{path} is damaged: {one_line(error)}") from None
    if written != found:
        raise Damaged(f"{path} is damaged: its content does not match its digest")
    try:
        state = files.parse_json(text, f"{path}: its state")
        files.as_record(state, kind, f"{path}: its state")
        return tensors, state
    except UserError as error:
        raise Damaged(str(error)) from None


def _require_room(path: Path) -> None:
    """Raise Damaged when the file is larger than the free memory. A sparse file can claim any size."""
    size, free = files.require_file(path).st_size, psutil.virtual_memory().available
    if size > free:
        raise Damaged(f"{path} has {size} bytes, more than the free memory ({free})")


def require_fit(path: Path, tensors: Tensors, required: Tensors, optional: Tensors | None = None) -> None:
    """Raise Damaged, naming file and tensor, unless names, shapes and types match those that the run needs.

    Only the shapes and types of `required` and `optional` matter: they may be on the device `meta`. An optimizer would
    read beyond the end of a state that is shorter than its parameters.
    """
    allowed = required | (optional or {})
    for name in sorted(required.keys() | tensors.keys()):
        wanted, found = _described(allowed.get(name)), _described(tensors.get(name))
        if wanted != found:
            raise Damaged(f"{path} does not fit the configuration: {name!a} must be {wanted}, got {found}")


def require_finite(path: Path, tensors: Tensors) -> None:
    """Raise UserError, naming file and tensor, when weights hold NaN or infinity."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UserError(f"{path}: {name!a} must hold finite numbers, got NaN or infinity")


def _described(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{list(tensor.shape)} of {tensor.dtype}"


def digest(tensors: Tensors) -> str:
    """Return the SHA-256 of named tensors: names, types, shapes and bytes."""
    return _digest({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, "")


def _digest(tensors: Tensors, text: str) -> str:
    import torch

    sha = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _digest_of_arrays(arrays: Arrays, text: str) -> str:
    """Return the digest of the tensors that these arrays are."""
    sha = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        sha.update(f"{name} torch.{array.dtype} {array.shape}".encode())
        sha.update(array.reshape(-1).view("uint8").data)
    return sha.hexdigest()
