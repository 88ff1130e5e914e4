"""Export a trained model for use without vae_exp: weights, ONNX, a model card and an example."""
