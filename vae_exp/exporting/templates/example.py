"""Draw images from the trained decoder. Needs onnxruntime, numpy and pillow: `python example.py`."""

from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

HERE = Path(__file__).parent
ROWS = COLUMNS = 8

decoder = onnxruntime.InferenceSession(HERE / "decode.onnx", providers=["CPUExecutionProvider"])
latent_dim = decoder.get_inputs()[0].shape[1]
z = np.random.default_rng(0).standard_normal((ROWS * COLUMNS, latent_dim), dtype=np.float32)
(images,) = decoder.run(None, {"z": z})  # (64, channels, height, width), pixels in [0, 1]

n, channels, height, width = images.shape
sheet = images.reshape(ROWS, COLUMNS, channels, height, width).transpose(0, 3, 1, 4, 2)
pixels = np.uint8(255 * sheet.clip(0, 1)).reshape(ROWS * height, COLUMNS * width, channels)
Image.fromarray(pixels.squeeze()).resize((4 * COLUMNS * width, 4 * ROWS * height), Image.Resampling.NEAREST).save(
    "drawn.png"
)
print(f"drawn.png: {n} draws from the prior")
