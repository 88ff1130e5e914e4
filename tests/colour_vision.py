"""Distances of colours in OKLab (Ottosson 2020), with simulated colour blindness (Machado et al. 2009), and contrast by
WCAG 2.2."""

import numpy as np
from matplotlib.colors import to_rgb

CONES = {
    "all cones": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
_CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
_LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def smallest_distance(colours, cones):
    """Return the smallest distance in OKLab between any two colours, as seen with these cones."""
    seen = np.clip(_linear(colours) @ np.transpose(CONES[cones]), 0, 1)
    place = np.cbrt(seen @ np.transpose(_CONES)) @ np.transpose(_LAB)
    apart = np.linalg.norm(place[:, None] - place[None], axis=-1)
    return apart[~np.eye(len(colours), dtype=bool)].min()


def contrast(one, other):
    """Return the contrast of two colours, from 1 to 21."""
    dark, light = sorted(_linear([one, other]) @ [0.2126, 0.7152, 0.0722])
    return (light + 0.05) / (dark + 0.05)


def _linear(colours):
    rgb = np.array([to_rgb(colour) for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
