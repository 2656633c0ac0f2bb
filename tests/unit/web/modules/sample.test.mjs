import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { sampleInto } = await load('timeline/render/sample.js');
const { fitting } = await load('timeline/render/reduced.js');
const { readNpy, BadPixels } = await load('timeline/render/npy.js');

const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 0];
const frame = (data, rows, columns, more = {}) => (
  { data, rows, columns, samples: 1, slope: 1, intercept: 0, padding: null, ...more });

function drawn(width, height, frames, matrix, window) {
  const out = new Uint8ClampedArray(width * height * 4);
  sampleInto(out, width, height, frames, matrix, { isInverted: false, ...window });
  return Array.from({ length: width * height }, (_, at) => out[4 * at]);
}

/** PS3.3 C.11.2.1.2.1, word for word. */
function linear(x, c, w) {
  if (x <= c - 0.5 - (w - 1) / 2) return 0;
  if (x > c - 0.5 + (w - 1) / 2) return 255;
  return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255;
}

test('the window is the linear function of the standard, for every value', () => {
  const values = Int16Array.from({ length: 4096 }, (_, at) => at - 1024);
  for (const [center, width] of [[40, 400], [-600, 1500], [0, 2], [40.5, 80], [1000, 1]]) {
    const seen = drawn(64, 64, [frame(values, 64, 64)], IDENTITY, { center, width });
    values.forEach((value, at) => assert.ok(Math.abs(seen[at] - linear(value, center, width)) <= 0.5, `${value} ${width}`));
  }
});

test('the slope and intercept of a frame come before interpolation and window', () => {
  const one = frame(Uint16Array.of(0, 10, 20, 30), 2, 2, { slope: 2, intercept: -10 });
  const two = frame(Uint16Array.of(0, 10, 20, 30), 2, 2, { slope: 4, intercept: 0 });
  const window = { center: 50.5, width: 101 };
  const half = [1, 0, 0, 0, 1, 0, 0, 0, 0.5];
  const expected = [-5, 25, 55, 85].map((value) => linear(value, 50.5, 101));
  drawn(2, 2, [one, two], half, window).forEach((grey, at) => assert.ok(Math.abs(grey - expected[at]) <= 0.5));
});

test('between pixels the value is bilinear', () => {
  const seen = drawn(3, 1, [frame(Int16Array.of(0, 100, 200, 300), 2, 2)], [0.5, 0, 0, 0, 0, 0.25, 0, 0, 0],
    { center: 128, width: 256 });
  assert.deepEqual(seen, [50, 100, 150]);
});

test('the edge of the image is half a pixel beyond the centres', () => {
  const white = frame(Uint8Array.of(255), 1, 1);
  const at = (column) => drawn(1, 1, [white], [1, 0, column, 0, 1, 0, 0, 0, 0], { center: 128, width: 256 })[0];
  assert.deepEqual([-0.51, -0.5, 0, 0.5, 0.51].map(at), [0, 255, 255, 255, 0]);
});

test('padding is background and has no part in means', () => {
  const padded = frame(Int16Array.of(-2000, 100, 100, 100), 2, 2, { padding: [-2000, -1999] });
  const window = { center: 100.5, width: 201 };
  assert.deepEqual(drawn(2, 2, [padded], IDENTITY, window), [0, 128, 128, 128]);
  assert.deepEqual(drawn(2, 1, [padded], [0.3, 0, 0.3, 0, 1, 0, 0, 0, 0], window), [0, 128]);
  assert.deepEqual(drawn(2, 2, [padded], IDENTITY, { ...window, isInverted: true }), [0, 128, 128, 128]);
});

test('inverted is the negative', () => {
  const values = frame(Uint8Array.of(0, 64, 128, 255), 2, 2);
  const window = { center: 128, width: 256 };
  assert.deepEqual(drawn(2, 2, [values], IDENTITY, { ...window, isInverted: true }), [255, 191, 127, 0]);
});

test('colour is shown as it is, whatever the window', () => {
  const colour = frame(Uint8Array.of(1, 2, 3, 10, 20, 30), 1, 2, { samples: 3 });
  const out = new Uint8ClampedArray(8);
  sampleInto(out, 2, 1, [colour], IDENTITY, { center: 0, width: 1, isInverted: true });
  assert.deepEqual([...out], [1, 2, 3, 255, 10, 20, 30, 255]);
});

test('what is not turned is drawn by a shorter way, to the same pixels', () => {
  const values = Int16Array.from({ length: 37 * 53 }, (_, at) => (at * 7919) % 2003 - 900);
  const one = frame(values, 37, 53, { slope: 1.7, intercept: -31.5 });
  for (const [ci, c0, rj, r0] of [[0.41, -3.2, 0.77, -2.9], [-1.3, 51.1, 2.1, 0.4], [1, 5, 1, -7], [3.3, 0, -0.9, 36.5]]) {
    const window = { center: 300, width: 1500 };
    const upright = drawn(64, 64, [one], [ci, 0, c0, 0, rj, r0, 0, 0, 0], window);
    const turned = drawn(64, 64, [one], [ci, 1e-300, c0, 0, rj, r0, 0, 0, 0], window); // the general way
    assert.deepEqual(upright, turned);
    assert.ok(new Set(upright).size > 20);
  }
});

test('a missing frame is background', () => {
  assert.deepEqual(drawn(1, 1, [], IDENTITY, { center: 0, width: 1 }), [0]);
});

test('a large frame on a small canvas is made of means, in the right place', () => {
  const side = 1024;
  const values = Int16Array.from({ length: side * side }, (_, at) => (at % side) + Math.floor(at / side));
  const step = 8;
  const { frame: small, matrix, reduction } = fitting(frame(values, side, side), [step, 0, 3.5, 0, step, 3.5, 0, 0, 0]);
  assert.equal(reduction, 4);
  assert.deepEqual([small.rows, small.columns], [256, 256]);
  const seen = drawn(64, 64, [small], matrix, { center: 1024, width: 2048 });
  seen.forEach((grey, at) => {
    const exact = linear((at % 64) * step + 3.5 + Math.floor(at / 64) * step + 3.5, 1024, 2048);
    assert.ok(Math.abs(grey - exact) <= 1);
  });
});

function npy(descr, shape, bytes) {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117) + '\n';
  const file = new Uint8Array(128 + bytes.length);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  file.set(new TextEncoder().encode(header), 10);
  file.set(bytes, 128);
  return file.buffer;
}

test('NumPy files are read as they are written', () => {
  const { data, ...shape } = readNpy(npy('<i2', '1,2,1', Uint8Array.of(0xff, 0xff, 2, 1)));
  assert.deepEqual(shape, { rows: 1, columns: 2, samples: 1 });
  assert.deepEqual([...data], [-1, 258]);
  assert.equal(readNpy(npy('|u1', '1,1,2,3', new Uint8Array(6))).samples, 3);
});

test('what is no frame is refused', () => {
  for (const bad of [new ArrayBuffer(0), new TextEncoder().encode('<html>404 not found').buffer,
    npy('<i2', '2,2,1', new Uint8Array(7)), npy('<c8', '1,1,1', new Uint8Array(8)), npy('<i2', '3,2,2,1', new Uint8Array(24)),
    npy('<i2', '0,2,1', new Uint8Array(0))]) {
    assert.throws(() => readNpy(bad), BadPixels);
  }
});
