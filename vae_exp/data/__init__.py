"""The data sets: images in uint8, labels, and splits that are the same for every run."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from pathlib import Path

from vae_exp.config import ArraysConfig, DataConfig
from vae_exp.data import (  # noqa: F401 - importing them registers them
    arrays,
    cifar10,
    digits,
    emnist,
    huggingface,
    images,
    mnist,
    mnist_5k,
)
from vae_exp.data.binarize import binarize
from vae_exp.data.folders import root_folder
from vae_exp.data.given import given_data, given_splits
from vae_exp.data.splits import Split, Splits, assemble, stratified_split
from vae_exp.registry import implementation_of, schema_of

__all__ = ["Split", "Splits", "assemble", "deal", "load", "stratified_split"]

deal = stratified_split
"""The name that extensions of version 0.1 import."""


def load(config: DataConfig) -> Splits:
    """Load the data set of a configuration, as CPU tensors. The process shares them; don't change them in place.

    A file that changes during the process is not read again. Raises UserError, naming the key or the file, when
    the data is missing, damaged, or leaves a split empty.
    """
    if isinstance(config, ArraysConfig) and config.root is None and (data := given_data()) is not None:
        return given_splits(data, config)
    return _load(json.dumps(dataclasses.asdict(config)), root_folder(config.root))


@lru_cache(maxsize=4)
def _load(options: str, root: Path) -> Splits:
    """Load a data set; cache the last few by options (as text, since lists aren't hashable) and resolved folder."""
    values = json.loads(options)
    config = schema_of("data", values["name"])(**values)
    return binarize(implementation_of(config)(config), config)
