"""Hugging Face data sets: `data=huggingface`. Only this module imports the library `datasets`, which is an extra."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vae_exp.config import HuggingfaceConfig
from vae_exp.data.decoding import read_images
from vae_exp.data.folders import root_folder
from vae_exp.data.labels import require_labels, to_labels
from vae_exp.data.npy import Header
from vae_exp.data.own_splits import fill_splits, split_names
from vae_exp.data.splits import Labels, Pixels, Splits
from vae_exp.errors import UserError, one_line, short
from vae_exp.registry import implements

HUB_NAME = r"[\w.-]+(/[\w.-]+)?"
"""Names of data sets on the hub."""
LABELS = ("label", "labels")
"""Columns that are used as labels if none has named classes."""


@implements(HuggingfaceConfig)
def huggingface(config: HuggingfaceConfig) -> Splits:
    """Return the images and labels of `data.root`, in the splits that it names and `fill_splits` fills up.

    Images are decoded here, from the bytes in the data set: a path or an address in it is not followed. Raises
    UserError, naming the row, for anything but PNG and JPEG.
    """
    if config.root is None:
        raise UserError("data.root must be a folder of save_to_disk, a Parquet file or a name on the hub, got None")
    try:
        parts = _opened(config.root)
    except ImportError:
        raise UserError("data=huggingface needs datasets: python -m pip install vae_exp[datasets]") from None
    except UserError:
        raise
    except Exception as error:  # What datasets, pyarrow and the hub raise is not documented.
        reason = one_line(error) or type(error).__name__
        raise UserError(f"data.root={config.root} can't be opened as a data set: {short(reason)}") from None
    names = split_names(parts, config.root)
    if names is None:
        raise UserError(f"{config.root} must have splits train, val and test, got {', '.join(parts)}")
    found = {names[name]: part for name, part in parts.items()}
    images = {name: _images(part, f"{config.root}, {name}", config) for name, part in found.items()}
    labels, classes = _labels(found, config)
    return fill_splits({name: (images[name], labels.get(name)) for name in found}, config, classes)


def _opened(root: str) -> dict[str, Any]:
    """Return the parts of the data set by name; a single part is `train`."""
    import datasets
    import pyarrow.parquet

    path = root_folder(root)
    if path.is_dir():
        found = datasets.load_from_disk(str(path))
    elif path.is_file():
        found = datasets.Dataset(datasets.table.InMemoryTable(pyarrow.parquet.read_table(path)))
    elif re.fullmatch(HUB_NAME, root):
        found = datasets.load_dataset(root)
    else:
        raise UserError(f"data.root must be a folder or file that exists, or a name on the hub, got {root!r}")
    return dict(found) if isinstance(found, datasets.DatasetDict) else {"train": found}


def _images(part: Any, where: str, config: HuggingfaceConfig) -> Pixels:
    import datasets

    column = config.image_column or _only(part, datasets.Image, "data.image_column", where)
    if column is None or not isinstance(part.features.get(column), datasets.Image):
        raise UserError(
            f"data.image_column must be a column of images of {where}, got {column}: {short(part.features)}"
        )
    if not len(part):
        raise UserError(f"{where} must hold at least one image, got none")
    rows = part.select_columns(column).cast_column(column, datasets.Image(decode=False))

    def file(i: int) -> io.BytesIO:
        content = (rows[i][column] or {}).get("bytes")
        if content is None:
            raise UserError(f"{where}, row {i} must hold an image's bytes; a path instead of bytes is not followed")
        return io.BytesIO(content)

    return read_images([f"{where}, row {i}" for i in range(len(rows))], file, config.shape, config.channels)


def _labels(parts: Mapping[str, Any], config: HuggingfaceConfig) -> tuple[dict[str, Labels], tuple[str, ...] | None]:
    """Return the labels of each part and their names: those of the data set, if it has names, in its order."""
    import datasets

    first = parts["train"]
    column = config.label_column or _only(first, datasets.ClassLabel, "data.label_column", config.root or "")
    column = column or next((name for name in LABELS if name in first.features), None)
    if column is None:
        return {}, None
    arrays: dict[str, NDArray[Any]] = {}
    for name, part in parts.items():
        where = f"{config.root}, {name}, column {column}"
        if column not in part.features:
            raise UserError(f"data.label_column must be a column of {where}, got {', '.join(part.features)}")
        arrays[name] = np.asarray(part.with_format(None)[column][:])
        require_labels(Header(where, arrays[name].shape, arrays[name].dtype, False), len(part), None)
    feature = first.features[column]
    if not isinstance(feature, datasets.ClassLabel):
        return to_labels(arrays, None)
    for name, array in arrays.items():
        if array.size and not 0 <= array.min() <= array.max() < feature.num_classes:
            raise UserError(f"{config.root}, {name}, column {column} must name a class in each row, got {array.min()}")
    return dict(arrays), tuple(feature.names)


def _only(part: Any, kind: type, key: str, where: str) -> str | None:
    """Return the only column of this kind, or None; raise UserError when there are several."""
    columns = [name for name, feature in part.features.items() if isinstance(feature, kind)]
    if len(columns) > 1:
        raise UserError(f"{key} must be one of {', '.join(columns)}, the possible columns of {where}, got None")
    return columns[0] if columns else None
