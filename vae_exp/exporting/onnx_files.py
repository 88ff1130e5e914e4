"""Networks as ONNX files, which run without torch."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch

from vae_exp.errors import UserError, one_line
from vae_exp.exporting.networks import Network

REQUIRED = ("onnx", "onnxscript")
"""Packages that torch's exporter needs: the extra `onnx`."""


def is_available() -> bool:
    """Return whether the packages that write ONNX are installed."""
    return all(find_spec(name) is not None for name in REQUIRED)


def write(network: Network, file: Path, metadata: dict[str, str]) -> None:
    """Write a network with a variable number of rows; raise UserError with torch's reason when that fails."""
    try:
        with _quiet(), torch.enable_grad():  # without gradients `Vae.decode` splits its input, which would fix the size
            program = torch.onnx.export(
                network.module,
                (network.example,),
                input_names=network.inputs,
                output_names=network.outputs,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter's errors are not documented
        raise UserError(f"{file.name} can't be written: torch can't export this model: {_reason(error)}") from None
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # they hold lines of code, with this machine's folders
    program.model.metadata_props.update(metadata)
    program.save(str(file))


def _reason(error: BaseException) -> str:
    """Return the first line of the innermost cause, which torch wraps in a long message."""
    while error.__cause__ is not None:
        error = error.__cause__
    return one_line(Exception(str(error).strip().partition("\n")[0]))[:300]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's own messages."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
