"""A trained model as files that others use without vae_exp: weights, ONNX, a model card and an example."""
