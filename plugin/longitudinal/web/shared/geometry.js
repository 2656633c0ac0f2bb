// @ts-check
/**
 * Patient space, planes and canvases. LPS, mm. Rows and columns are 0-based, may be fractional, and 0 is the centre of the
 * first pixel; a canvas pixel is counted the same way. Pure: no DOM.
 */

/**
 * @typedef {readonly number[]} Vector three numbers, LPS mm
 *
 * @typedef {object} Plane
 * @property {Vector} position of the centre of the first pixel (ImagePositionPatient)
 * @property {readonly number[]} orientation six numbers: along a row, down a column (ImageOrientationPatient)
 * @property {readonly number[]} spacing mm between rows, between columns (PixelSpacing)
 *
 * @typedef {object} Show how a picture lies on a canvas
 * @property {number} row of the image at the anchor
 * @property {number} column
 * @property {number} x of the anchor, canvas pixels
 * @property {number} y
 * @property {number} mmPerPixel of the canvas
 * @property {boolean} isFlippedH
 * @property {boolean} isFlippedV
 */

/** A direction counts where it is more than about 11 degrees off the others. */
const LETTER_SHARE = 0.2;
const LETTERS = [['L', 'R'], ['P', 'A'], ['H', 'F']]; // PS3.3 C.7.6.1.1.1

/** @param {Vector} a @param {Vector} b */
export function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** @param {Vector} a @param {Vector} b @returns {number[]} */
export function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** @param {Vector} a @param {Vector} b */
export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/** @param {readonly (readonly number[])[]} matrix three rows of four, a fourth is passed over @param {Vector} point @returns {number[]} */
export function applied(matrix, point) {
  return matrix.slice(0, 3).map(([a, b, c, shift]) => a * point[0] + b * point[1] + c * point[2] + shift);
}

/**
 * The affine map, three rows of four, that takes a point and a step along each axis to these places.
 *
 * @param {Vector} origin
 * @param {readonly Vector[]} places of the origin, and of `stepMm` from it along x, y and z
 * @param {number} stepMm
 * @returns {number[][]}
 */
export function affineOf(origin, [zero, ...steps], stepMm) {
  return [0, 1, 2].map((row) => {
    const turned = steps.map((step) => (step[row] - zero[row]) / stepMm);
    return [...turned, zero[row] - turned.reduce((sum, value, axis) => sum + value * origin[axis], 0)];
  });
}

/** PS3.3 C.7.6.2.1.1. @param {Plane} plane @param {number} row @param {number} column @returns {number[]} */
export function pointOf({ position, orientation, spacing }, row, column) {
  return [0, 1, 2].map((axis) => position[axis] + column * spacing[1] * orientation[axis]
    + row * spacing[0] * orientation[3 + axis]);
}

/**
 * The orthogonal projection of a point on a plane, and how far beside it the point lies, signed along the normal.
 *
 * @param {Plane} plane
 * @param {Vector} point
 * @returns {{row: number, column: number, distanceMm: number}}
 */
export function pixelOf({ position, orientation, spacing }, point) {
  const offset = point.map((value, axis) => value - position[axis]);
  const along = orientation.slice(0, 3);
  const down = orientation.slice(3);
  return {
    row: dot(offset, down) / spacing[0],
    column: dot(offset, along) / spacing[1],
    distanceMm: dot(offset, cross(along, down)),
  };
}

/** The letters of a direction, the main one first: "L", "PR". @param {Vector} direction */
export function lettersOf(direction) {
  const length = Math.hypot(...direction) || 1;
  return direction
    .map((value, axis) => ({ share: Math.abs(value) / length, letter: LETTERS[axis][value > 0 ? 0 : 1] }))
    .filter(({ share }) => share > LETTER_SHARE)
    .sort((a, b) => b.share - a.share)
    .map(({ letter }) => letter)
    .join('');
}

/**
 * What is at each edge of a picture.
 *
 * @param {readonly number[]} orientation
 * @param {{isFlippedH: boolean, isFlippedV: boolean}} flips
 */
export function edgesOf(orientation, { isFlippedH, isFlippedV }) {
  const right = orientation.slice(0, 3).map((value) => (isFlippedH ? -value : value));
  const bottom = orientation.slice(3).map((value) => (isFlippedV ? -value : value));
  const opposite = (/** @type {number[]} */ direction) => lettersOf(direction.map((value) => -value));
  return { left: opposite(right), right: lettersOf(right), top: opposite(bottom), bottom: lettersOf(bottom) };
}

/**
 * Which pixel of the image each pixel of a canvas shows: (column, row, slice 0) = matrix * (i, j, 1), row by row.
 *
 * @param {Show} show
 * @param {readonly number[]} spacing
 * @returns {number[]} nine numbers
 */
export function imageFromCanvas({ row, column, x, y, mmPerPixel, isFlippedH, isFlippedV }, spacing) {
  const perColumn = (isFlippedH ? -mmPerPixel : mmPerPixel) / spacing[1];
  const perRow = (isFlippedV ? -mmPerPixel : mmPerPixel) / spacing[0];
  return [perColumn, 0, column - x * perColumn, 0, perRow, row - y * perRow, 0, 0, 0];
}

/** @param {readonly number[]} matrix @param {number} x @param {number} y @returns {{row: number, column: number}} */
export function pixelAt(matrix, x, y) {
  return { column: matrix[0] * x + matrix[1] * y + matrix[2], row: matrix[3] * x + matrix[4] * y + matrix[5] };
}

/** Where a pixel of the image lies on the canvas. @param {readonly number[]} matrix @param {number} row @param {number} column */
export function canvasAt(matrix, row, column) {
  const [a, b, c, d, e, f] = matrix;
  const determinant = a * e - b * d;
  return {
    x: (e * (column - c) - b * (row - f)) / determinant,
    y: (a * (row - f) - d * (column - c)) / determinant,
  };
}

/** mm a canvas pixel at which a whole image fits. @param {{rows: number, columns: number, spacing: readonly number[]}} image */
export function fittingScale({ rows, columns, spacing }, /** @type {number} */ width, /** @type {number} */ height) {
  return Math.max((columns * spacing[1]) / width, (rows * spacing[0]) / height);
}

/** The plane nearest to a point. @param {Plane[]} planes of one stack @param {Vector} point @returns {number} */
export function nearestPlane(planes, point) {
  let best = 0;
  let least = Infinity;
  planes.forEach((plane, at) => {
    const off = Math.abs(pixelOf(plane, point).distanceMm);
    if (off < least) {
      [best, least] = [at, off];
    }
  });
  return best;
}
