"""How much memory a model takes, counted on torch's device `meta`, where nothing is allocated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vae_exp.errors import UserError
from vae_exp.models.vae import Shape, Vae

HEAP = 2.0
"""Bytes that a process grows by for each byte that is counted. Freed memory stays in the process (see
`machine.memory`), in holes that not every tensor fits into, and convolutions take memory beside their tensors.
Training the default model on images of 28, 128 and 256 pixels grew by 1.6 to 1.9 times the count."""
MEASURES = 2
"""Count what the final measures decode at a time so many times: they grew by up to 2.9 times it, not the same in two
processes, since they leave larger holes."""


@contextlib.contextmanager
def without_memory(where: str = "") -> Iterator[None]:
    """Build and run models without allocating anything; raise UserError for sizes that torch can't hold."""
    try:
        with torch.device("meta"), torch.no_grad(), _Shapes():
            yield
    except NotImplementedError:
        raise
    except (RuntimeError, OverflowError, TypeError) as error:  # what torch raises for sizes beyond 64 bits
        reason = str(error).partition("\n")[0]
        raise UserError(f"{where}model.* must have sizes that torch can hold: {reason}") from None


@dataclass(frozen=True)
class Layers:
    """The layers of an encoder or a decoder, in the order in which they are run; bytes for each example."""

    inputs: Sequence[int]
    outputs: Sequence[int]

    @property
    def kept(self) -> int:
        """Return the bytes that a gradient needs: every output, of one of which there is a gradient at a time."""
        return sum(self.outputs)

    @property
    def largest(self) -> int:
        """Return the bytes of the layer with the largest input and output: no gradient keeps the others."""
        return max(before + after for before, after in zip(self.inputs, self.outputs, strict=True))


def layers_of(model: Vae, shape: Shape) -> tuple[Layers, Layers]:
    """Return the layers of encoder and decoder; only within `without_memory`."""
    with _noted(model) as inputs_and_outputs:
        model.encode(torch.zeros(1, *shape))
        encoder = list(inputs_and_outputs)
        model.decode(torch.zeros(1, model.latent_dim))
        decoder = inputs_and_outputs[len(encoder) :]
    return tuple(Layers(*zip(*pairs, strict=True)) for pairs in (encoder, decoder))  # type: ignore[return-value]


@contextlib.contextmanager
def _noted(model: nn.Module) -> Iterator[list[tuple[int, int]]]:
    """Note the bytes of what each layer takes and returns, for as long as this lasts."""
    noted: list[tuple[int, int]] = []

    def note(_module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        noted.append((sum(map(_bytes, inputs)), _bytes(output)))

    leaves = [module for module in model.modules() if not any(module.children())]
    hooks = [module.register_forward_hook(note) for module in leaves]
    yield noted
    for hook in hooks:
        hook.remove()


def _bytes(value: object) -> int:
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0


class _Shapes(TorchFunctionMode):
    """Gives the layers of this package's models their output's shape by formula.

    On `meta` torch finds it in Python code that imports its compiler, sympy and triton first: a second, 900 modules.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        shape_of = _FORMULAS.get(func)
        shape = shape_of(*args, **kwargs) if shape_of else None
        return func(*args, **kwargs) if shape is None else args[0].new_empty(shape)


def _convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[int, ...] | None:
    """Return the shape of `conv2d`; None if torch should compute it, or report the error."""
    if x.device.type != "meta" or x.dim() != 4 or isinstance(padding, str) or x.shape[1] != weight.shape[1] * groups:
        return None
    steps = zip(x.shape[2:], weight.shape[2:], _pair(stride), _pair(padding), _pair(dilation), strict=True)
    sides = [(side + 2 * pad - gap * (kernel - 1) - 1) // step + 1 for side, kernel, step, pad, gap in steps]
    return (x.shape[0], weight.shape[0], *sides) if min(sides) > 0 else None


def _transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> tuple[int, ...] | None:
    """Return the shape of `conv_transpose2d`; None as in `_convolved`."""
    if x.device.type != "meta" or x.dim() != 4 or x.shape[1] != weight.shape[0]:
        return None
    pairs = map(_pair, (stride, padding, output_padding, dilation))
    steps = zip(x.shape[2:], weight.shape[2:], *pairs, strict=True)
    sides = [
        (side - 1) * step - 2 * pad + gap * (kernel - 1) + more + 1 for side, kernel, step, pad, more, gap in steps
    ]
    return (x.shape[0], weight.shape[1] * groups, *sides) if min(sides) > 0 else None


def _pair(value: Any) -> tuple[int, int]:
    """Return a number for height and width."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[int, ...] | None:
    """Return the shape of `linear`; None as in `_convolved`."""
    if x.device.type != "meta" or x.dim() == 0 or x.shape[-1] != weight.shape[-1] or weight.dim() != 2:
        return None
    return (*x.shape[:-1], weight.shape[0])


def _activated(x: Tensor, *_: Any, **__: Any) -> tuple[int, ...] | None:
    """Return the shape of an activation; None as in `_convolved`."""
    return tuple(x.shape) if x.device.type == "meta" else None


_FORMULAS: dict[Callable[..., Any], Callable[..., tuple[int, ...] | None]] = {
    torch.conv2d: _convolved,
    torch.conv_transpose2d: _transposed,
    F.linear: _linear,
    F.softplus: _activated,
    F.relu: _activated,
    torch.Tensor.add_: _activated,
    torch.tanh: _activated,
}
