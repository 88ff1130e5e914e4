/* The decoder of a run: from a latent point to the mean of p(x|z). Images are channels-last: (height, width, channels). */

/**
 * A layer and the activation after it. A linear layer is a transposed convolution of one pixel.
 * @typedef {object} Layer
 * @property {"linear" | "transposed" | "convolution"} kind
 * @property {"" | "relu" | "tanh" | "softplus"} activation
 * @property {number[]} input  height, width and channels
 * @property {number[]} output
 * @property {number[]} kernel  height and width
 * @property {number} stride
 */

/**
 * What the report's data holds of a decoder.
 * @typedef {object} DecoderData
 * @property {Layer[]} layers
 * @property {string} weights  of each layer its weight and its bias, see `unpack`
 * @property {number[]} factors
 * @property {number[]} image  height, width and channels
 * @property {"sigmoid" | "continuous_bernoulli" | "logistic"} mean
 * @property {number} scale  that of the logistic, in pixels of [0, 1]
 */

/** @param {number} x */
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** @type {Record<string, (x: number) => number>} */
const ACTIVATIONS = { relu: (x) => (x > 0 ? x : 0), tanh: Math.tanh, softplus };

/** The mean of a pixel by its logit. @type {Record<string, (logit: number, scale: number) => number>} */
const MEANS = {
  sigmoid: (logit) => 1 / (1 + Math.exp(-logit)),
  continuous_bernoulli: (logit) => (Math.abs(logit) < 0.01 ? 0.5 + logit / 12 : 0.5 + 0.5 / Math.tanh(logit / 2) - 1 / logit),
  logistic: (logit, scale) => scale * (softplus((0.5 + logit) / scale) - softplus((logit - 0.5) / scale)),
};

/**
 * Return a function from a latent point to the pixels of its image, in [0, 1]. They are overwritten by its next call.
 * @param {DecoderData} data
 * @returns {(z: ArrayLike<number>) => Float32Array}
 */
function makeDecoder(data) {
  const lengths = data.layers.flatMap(({ kernel, input, output }) => [kernel[0] * kernel[1] * input[2] * output[2], output[2]]);
  const arrays = unpack(data.weights, lengths, data.factors);
  const buffers = data.layers.map(({ output }) => new Float32Array(output[0] * output[1] * output[2]));
  const mean = MEANS[data.mean];
  return (z) => {
    let values = Float32Array.from(z);
    data.layers.forEach((layer, i) => {
      const run = layer.kind === "convolution" ? gather : spread;
      run(layer, arrays[2 * i], arrays[2 * i + 1], values, buffers[i]);
      values = buffers[i];
      const activation = ACTIVATIONS[layer.activation];
      if (activation) for (let k = 0; k < values.length; k++) values[k] = activation(values[k]);
    });
    for (let k = 0; k < values.length; k++) values[k] = mean(values[k], data.scale);
    return values;
  };
}

/**
 * A transposed convolution without padding: add each input pixel, times the kernel, to the output pixels below it.
 * Half of the inputs are 0 after a ReLU and cost nothing; four of the others are added at once, which saves reading and
 * writing the output.
 * @param {Layer} layer
 * @param {Float32Array} weight  (K, L, I, O)
 * @param {Float32Array} bias  (O,)
 * @param {Float32Array} input  (H, W, I)
 * @param {Float32Array} output  (S·(H − 1) + K, S·(W − 1) + L, O)
 */
function spread({ input: [height, width, before], output: [, wide, after], kernel: [rows, columns], stride }, weight, bias, input, output) {
  for (let at = 0; at < output.length; at += after) output.set(bias, at);
  const used = new Int32Array(before);
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel += before) {
      let count = 0;
      for (let c = 0; c < before; c++) if (input[pixel + c] !== 0) used[count++] = c;
      for (let i = 0, from = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++, from += before * after) {
          const to = ((y * stride + i) * wide + x * stride + j) * after;
          let k = 0;
          for (; k + 3 < count; k += 4) {
            const a = input[pixel + used[k]], b = input[pixel + used[k + 1]];
            const c = input[pixel + used[k + 2]], d = input[pixel + used[k + 3]];
            const p = from + used[k] * after, q = from + used[k + 1] * after;
            const r = from + used[k + 2] * after, s = from + used[k + 3] * after;
            for (let o = 0; o < after; o++) output[to + o] += a * weight[p + o] + b * weight[q + o] + c * weight[r + o] + d * weight[s + o];
          }
          for (; k < count; k++) {
            const a = input[pixel + used[k]], p = from + used[k] * after;
            for (let o = 0; o < after; o++) output[to + o] += a * weight[p + o];
          }
        }
      }
    }
  }
}

/**
 * A convolution without padding and of stride 1. A row of its window is one stretch of the input.
 * @param {Layer} layer
 * @param {Float32Array} weight  (O, K, L, I)
 * @param {Float32Array} bias  (O,)
 * @param {Float32Array} input  (H + K − 1, W + L − 1, I)
 * @param {Float32Array} output  (H, W, O)
 */
function gather({ input: [, wide, before], output: [height, width, after], kernel: [rows, columns] }, weight, bias, input, output) {
  const stretch = columns * before;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let o = 0; o < after; o++, to++) {
        let sum = bias[o];
        for (let i = 0, k = o * rows * stretch; i < rows; i++) {
          const from = ((y + i) * wide + x) * before;
          for (let j = 0; j < stretch; j++, k++) sum += input[from + j] * weight[k];
        }
        output[to] = sum;
      }
    }
  }
}
