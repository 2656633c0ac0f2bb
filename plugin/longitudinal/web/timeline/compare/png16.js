// @ts-check
/** A grey PNG of 16 bits (ISO/IEC 15948), as GET /points/reslice sends it; a browser's canvas would keep 8 of them. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

/**
 * @param {ArrayBuffer} buffer
 * @returns {Promise<import('../render/sample.js').Frame>} rescaled values; NaN where the PNG has 0, which stands for nothing
 * @throws {Error} it is another kind of PNG, or none
 */
export async function readPng16(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (SIGNATURE.some((byte, at) => bytes[at] !== byte)) {
    throw new Error('not a PNG');
  }
  /** @type {Record<string, string>} */
  const texts = {};
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  let [rows, columns] = [0, 0];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') {
      [columns, rows] = [view.getUint32(at + 8), view.getUint32(at + 12)];
      if (body[8] !== 16 || body[9] !== 0 || body[12] !== 0) {
        throw new Error('not a grey PNG of 16 bits');
      }
    } else if (type === 'tEXt') {
      const [name, text] = String.fromCharCode(...body).split('\0');
      texts[name] = text;
    } else if (type === 'IDAT') {
      parts.push(body);
    }
    at += 12 + length;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate'));
  const lines = new Uint8Array(await new Response(stream).arrayBuffer());
  const data = valuesOf(lines, rows, columns, Number(texts.RescaleSlope), Number(texts.RescaleIntercept));
  return { data, rows, columns, samples: 1, slope: 1, intercept: 0, padding: null };
}

/**
 * @param {Uint8Array} lines each with its filter, which our server leaves at 0
 * @param {number} rows
 * @param {number} columns
 * @param {number} slope
 * @param {number} intercept
 */
function valuesOf(lines, rows, columns, slope, intercept) {
  const data = new Float32Array(rows * columns);
  for (let row = 0, at = 0, from = 0; row < rows; row += 1) {
    if (lines[from] !== 0) {
      throw new Error('a filter that is not read here');
    }
    from += 1;
    for (let column = 0; column < columns; column += 1, at += 1, from += 2) {
      const stored = (lines[from] << 8) | lines[from + 1];
      data[at] = stored === 0 ? NaN : stored * slope + intercept;
    }
  }
  return data;
}
