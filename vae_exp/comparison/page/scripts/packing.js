/**
 * Return the bytes of a text in base64.
 * @param {string} text
 */
function unpackBytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/**
 * Return arrays of these lengths, one after the other: 16-bit integers in base64, little-endian, times a factor for each.
 * @param {string} text
 * @param {number[]} lengths
 * @param {number[]} factors
 */
function unpack(text, lengths, factors) {
  const integers = new DataView(unpackBytes(text).buffer);
  let at = 0;
  return lengths.map((length, i) => Float32Array.from({ length }, () => integers.getInt16(2 * at++, true) * factors[i]));
}
