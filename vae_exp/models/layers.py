"""Two layers of the decoder that are faster on a CPU than torch's."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class TransposedConv2d(nn.ConvTranspose2d):
    """`ConvTranspose2d` without padding that adds its bias separately: oneDNN is half as fast at both together."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the transposed convolution of (B, I, H, W): (B, O, S·(H − 1) + K, S·(W − 1) + K)."""
        assert self.bias is not None
        assert output_size is None
        return F.conv_transpose2d(x, self.weight, stride=self.stride).add_(self.bias.view(-1, 1, 1))


class NarrowConv2d(nn.Conv2d):
    """`Conv2d` to few channels without padding or stride: every weight of the kernel makes a plane, which are added.

    The planes are one matrix product, which keeps the vector units busy where one output channel would not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of (B, I, H, W): (B, O, H − K + 1, W − L + 1)."""
        # GPUs and torch.compile have their own kernels.
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(x)
        batch, channels, height, width = x.shape
        rows, columns = self.kernel_size
        weight = self.weight.permute(0, 2, 3, 1).reshape(-1, channels)  # (O·K·L, I)
        planes = weight @ x.permute(0, 2, 3, 1).reshape(-1, channels).T
        planes = planes.view(self.out_channels, rows, columns, batch, height, width)
        assert self.bias is not None
        added: Tensor = _ShiftedSum.apply(planes)
        return added.transpose(0, 1) + self.bias.view(-1, 1, 1)


class _ShiftedSum(torch.autograd.Function):
    """Σ_ij of planes (O, K, L, B, H, W), plane (i, j) moved up by i and left by j: (O, B, H − K + 1, W − L + 1)."""

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
    """Return the part of each plane that is inside the sum, as views."""
    _, rows, columns, _, height, width = planes.shape
    h, w = height - rows + 1, width - columns + 1
    return [planes[:, i, j, :, i : i + h, j : j + w] for i in range(rows) for j in range(columns)]
