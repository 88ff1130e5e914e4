"""Two layers of the decoder in forms that keep a CPU's vector units busy. Elsewhere they are what torch has."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

COLUMNS = 2**20
"""Numbers of a gradient that are laid out for a matrix product at once: 4 MB, which the cores' own caches hold."""


def _is_ours(x: Tensor) -> bool:
    """Say whether our forms pay: GPUs have kernels of their own, and so has torch.compile."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


class TransposedConv2d(nn.ConvTranspose2d):
    """`ConvTranspose2d` without padding, whose backward pass on a CPU takes 60 % of the time that torch's own takes."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the transposed convolution of (B, I, H, W): (B, O, S·(H − 1) + K, S·(W − 1) + K)."""
        if not _is_ours(x):
            return super().forward(x, output_size)
        output: Tensor = _TransposedConvolution.apply(x, self.weight, self.bias, self.stride[0])
        return output


class _TransposedConvolution(torch.autograd.Function):
    """Seen from its gradient, a transposed convolution is a convolution: a matrix product with every window as a row.

    The windows are copied out of the gradient once; with the weights they give the gradient of the input, with the
    input that of the weights. Channels come last, so that a window's rows are copied whole.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv_transpose2d(x, weight, bias, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        channels, _, size, _ = weight.shape
        matrix = weight.permute(0, 2, 3, 1).reshape(channels, -1)  # (I, K·K·O)
        images = x.permute(0, 2, 3, 1)  # (B, H, W, I)
        windows = _windows(gradient.permute(0, 2, 3, 1), size, ctx.stride)
        to_images, to_matrix = torch.empty_like(images, memory_format=torch.contiguous_format), torch.zeros_like(matrix)
        at_once = max(1, COLUMNS // windows[0].numel())
        for part, image, to_image in zip(*(each.split(at_once) for each in (windows, images, to_images)), strict=True):
            columns = part.reshape(-1, matrix.shape[1])  # (B·H·W, K·K·O)
            torch.mm(columns, matrix.T, out=to_image.view(-1, channels))
            to_matrix.addmm_(image.reshape(-1, channels).T, columns)
        to_weight = to_matrix.view(channels, size, size, -1).permute(0, 3, 1, 2)
        return to_images.permute(0, 3, 1, 2), to_weight, gradient.sum((0, 2, 3)), None


def _windows(images: Tensor, size: int, stride: int) -> Tensor:
    """Return every window of images (B, H, W, C) as a view: (B, rows, columns, K, K, C)."""
    return images.unfold(1, size, stride).unfold(2, size, stride).permute(0, 1, 2, 4, 5, 3)


class NarrowConv2d(nn.Conv2d):
    """`Conv2d` to few channels without padding or stride: every weight of the kernel makes a plane, which are added.

    The planes are one matrix product, which keeps the vector units busy where one output channel would not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of (B, I, H, W): (B, O, H − K + 1, W − K + 1)."""
        if not _is_ours(x):
            return super().forward(x)
        batch, channels, height, width = x.shape
        size = self.kernel_size[0]
        weight = self.weight.permute(0, 2, 3, 1).reshape(-1, channels)  # (O·K·K, I)
        planes = weight @ x.permute(0, 2, 3, 1).reshape(-1, channels).T
        planes = planes.view(self.out_channels, size, size, batch, height, width)
        assert self.bias is not None
        added: Tensor = _ShiftedSum.apply(planes)
        return added.transpose(0, 1) + self.bias.view(-1, 1, 1)


class _ShiftedSum(torch.autograd.Function):
    """Σ_ij of planes (O, K, K, B, H, W), plane (i, j) moved up by i and left by j: (O, B, H − K + 1, W − K + 1)."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        ctx.shape = planes.shape
        first, *others = _shifted(planes)
        total = first.clone(memory_format=torch.contiguous_format)
        for plane in others:
            total += plane
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        planes = gradient.new_zeros(ctx.shape)
        for plane in _shifted(planes):
            plane.copy_(gradient)
        return planes


def _shifted(planes: Tensor) -> list[Tensor]:
    """Return the part of each plane that falls on the sum, as views."""
    size, height, width = (planes.shape[axis] for axis in (1, -2, -1))
    h, w = height - size + 1, width - size + 1
    return [planes[:, i, j, :, i : i + h, j : j + w] for i in range(size) for j in range(size)]
