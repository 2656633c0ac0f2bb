// @ts-check
/** NumPy's file format (NEP 1), as Orthanc's `/numpy` sends a frame: a header in ASCII, then the numbers. */

/**
 * Stored values of one frame, row by row; `samples` values a pixel (3 for RGB).
 *
 * @typedef {Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array} Values
 * @typedef {{data: Values, rows: number, columns: number, samples: number}} Pixels
 */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"

/** @type {Record<string, any>} little-endian, as every browser is */
const TYPES = {
  '|i1': Int8Array, '<i1': Int8Array, '|u1': Uint8Array, '<u1': Uint8Array, '<i2': Int16Array, '<u2': Uint16Array,
  '<i4': Int32Array, '<u4': Uint32Array, '<f4': Float32Array, '<f8': Float64Array,
};

/** The bytes are not a frame. */
export class BadPixels extends Error {}

/**
 * @param {ArrayBuffer} buffer
 * @returns {Pixels} a view of the buffer where that is aligned, else a copy
 * @throws {BadPixels}
 */
export function readNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < 12 || MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw new BadPixels('not a NumPy file');
  }
  const view = new DataView(buffer);
  const isLong = bytes[6] >= 2;
  const start = isLong ? 12 : 10;
  const end = start + (isLong ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, end));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1] ?? '';
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter((part) => part.trim()).map(Number);
  if (!(descr in TYPES) || /'fortran_order':\s*True/.test(header)) {
    throw new BadPixels(`numbers of type ${descr || 'unknown'} cannot be shown`);
  }
  const [rows, columns, samples] = shapeOf(shape);
  const Type = TYPES[descr];
  const count = rows * columns * samples;
  if (!Number.isSafeInteger(count) || count === 0 || buffer.byteLength - end < count * Type.BYTES_PER_ELEMENT) {
    throw new BadPixels('the frame is cut off');
  }
  const isAligned = end % Type.BYTES_PER_ELEMENT === 0;
  const data = isAligned ? new Type(buffer, end, count)
    : new Type(buffer.slice(end, end + count * Type.BYTES_PER_ELEMENT), 0, count);
  return { data, rows, columns, samples };
}

/** @param {number[]} shape @returns {[number, number, number]} */
function shapeOf(shape) {
  const parts = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
  const [rows, columns, samples = 1] = parts;
  if (parts.length < 2 || parts.length > 3 || (samples !== 1 && samples !== 3)) {
    throw new BadPixels(`${shape.join(' x ')} numbers are not one picture`);
  }
  return [rows, columns, samples];
}
