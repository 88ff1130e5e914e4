"""The decoder's faster layers have the parameters, values and gradients of torch's."""

import pytest
import torch
from torch import nn

from vae_exp.models.layers import NarrowConv2d, TransposedConv2d

SHAPES = [(2, 3, 3, 2), (2, 1, 4, 1), (3, 2, 2, 2), (1, 4, 5, 3)]


def gradients(layer, x, weighting):
    """Return a layer's output, and the gradients of its weighted sum for the input, the weight and the bias."""
    output = layer(x)
    return output, *torch.autograd.grad((output * weighting).sum(), [x, layer.weight, layer.bias])


def assert_alike(ours, torchs, x):
    ours.load_state_dict(torchs.state_dict())
    weighting = torch.randn_like(torchs(x))
    for mine, known in zip(gradients(ours, x, weighting), gradients(torchs, x, weighting), strict=True):
        torch.testing.assert_close(mine, known, rtol=1e-9, atol=1e-11)


def images(channels, side, memory_format):
    torch.manual_seed(0)
    x = torch.randn(5, channels, side, side + 1, dtype=torch.float64)
    return x.contiguous(memory_format=memory_format).requires_grad_()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("before", "after", "size", "stride"), SHAPES)
def test_a_transposed_convolution_and_its_gradients_equal_torchs(before, after, size, stride, memory_format):
    x = images(before, 4, memory_format)
    ours, torchs = (kind(before, after, size, stride).double() for kind in (TransposedConv2d, nn.ConvTranspose2d))
    assert_alike(ours.to(memory_format=memory_format), torchs, x)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("before", "after", "size"), [(16, 1, 4), (12, 3, 2), (9, 1, 3), (4, 4, 1), (8, 1, (4, 2)), (8, 2, (1, 3))]
)
def test_a_narrow_convolution_and_its_gradients_equal_torchs(before, after, size, memory_format):
    x = images(before, 6, memory_format)
    ours, torchs = (kind(before, after, size).double() for kind in (NarrowConv2d, nn.Conv2d))
    assert_alike(ours.to(memory_format=memory_format), torchs, x)


def test_the_layers_work_on_the_meta_device():
    x = torch.zeros(1, 2, 4, 4, device="meta")
    with torch.device("meta"):
        assert TransposedConv2d(2, 3, 3, 2)(x).shape == (1, 3, 9, 9)
        assert NarrowConv2d(2, 1, 2)(x).shape == (1, 1, 3, 3)
