"""The user's own data: `data=images`, `data=arrays`, `data=huggingface`."""

from __future__ import annotations

from dataclasses import dataclass

from vae_exp.config.data import DataConfig
from vae_exp.config.rules import at_least, fraction, one_of, require
from vae_exp.registry import schema

LAYOUTS = ("nhwc", "nchw")


@dataclass
class OwnDataConfig(DataConfig):
    """Data at `data.root` with the splits that it names; missing splits are taken from its training images."""

    val_fraction: float = 0.1
    """Share of the training images held out for validation, stratified, if the data has no `val` split."""
    test_fraction: float = 0.2
    """Share of the training images held out for testing, stratified, if the data has no `test` split."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fraction("data.val_fraction", self.val_fraction)
        fraction("data.test_fraction", self.test_fraction)
        both = self.val_fraction + self.test_fraction
        require(both < 1, "data.val_fraction + data.test_fraction", "below 1", both)


@dataclass
class PicturesConfig(OwnDataConfig):
    """PNG and JPEG images, decoded and resized to one shape."""

    size: int | None = None
    """Height to which every image is resized, in pixels; null requires that all images have the same size."""
    width: int | None = None
    """Width to which every image is resized, in pixels; null uses `size`, a square."""
    channels: int | None = None
    """1 converts every image to grey, 3 to colour, transparent pixels to white; null requires 8-bit images that are all
    grey or all colour."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            at_least("data.size", self.size, 1)
        if self.width is not None:
            at_least("data.width", self.width, 1)
            require(self.size is not None, "data.width", "null unless data.size is the height", self.width)
        require(self.channels in (None, 1, 3), "data.channels", "1 for grey, 3 for colour, or null", self.channels)

    @property
    def shape(self) -> tuple[int, int] | None:
        """Return height and width in pixels, or None if images are not resized."""
        return None if self.size is None else (self.size, self.width or self.size)


@schema("data", "images")
@dataclass
class ImagesConfig(PicturesConfig):
    """A folder (`data.root`) of PNG or JPEG files; its subfolders, if any, are labels.

    Folders `train`, `val` and `test` directly below it are the splits, and their subfolders the labels.
    """

    name: str = "images"
    size: int | None = 28


@schema("data", "arrays")
@dataclass
class ArraysConfig(OwnDataConfig):
    """Images in a `.npz` or `.npy` file (`data.root`): N×H×W, N×H×W×C or N×C×H×W with 1 or 3 channels C.

    Pixels are uint8 (black and white if none is above 1) or floats in [0, 1], which are rounded to 256 levels. A
    `.npz` file names its arrays `images` and `labels`, with a split before or after it (`train_images`, `x_test`);
    a `.npy` file may have a `labels.npy` next to it.
    """

    name: str = "arrays"
    layout: str | None = None
    """`nhwc` or `nchw`: the order of the axes; null if only one of them can hold the channels."""
    label_column: int | None = None
    """Column of labels N×K to use, from 0 on; null if there is one label for each image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layout is not None:
            one_of("data.layout", self.layout, LAYOUTS)
        if self.label_column is not None:
            at_least("data.label_column", self.label_column, 0)


@schema("data", "huggingface")
@dataclass
class HuggingfaceConfig(PicturesConfig):
    """A Hugging Face data set with a column of PNG or JPEG images. It needs the extra `datasets`.

    `data.root` is a folder that `save_to_disk` wrote, a Parquet file, or a name on the hub (`ylecun/mnist`).
    """

    name: str = "huggingface"
    image_column: str | None = None
    """Column of the images; null uses the only column of images."""
    label_column: str | None = None
    """Column of the labels, integers or text; null uses the only column with named classes, else `label` or `labels`,
    if there is one."""
