import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { CutStack, cutInto, pointInto, slicesOf } = await load('timeline/compare/cut.js');
const { flatPlace, gridOver, gridPlace, wayBetween } = await load('timeline/compare/plane_map.js');
const { Maps } = await load('timeline/compare/maps.js');
const { compose, differenceInto, whyNoDifference } = await load('timeline/compare/pair.js');
const { COLOURS, tableOf } = await load('timeline/compare/fusion.js');

const AXIAL = [1, 0, 0, 0, 1, 0];
const stackOf = (heights) => heights.map((z) => ({ position: [3, -4, 5 + z], orientation: AXIAL, spacing: [1.5, 0.75] }));
const frameOf = (value, rows = 20, columns = 24) => ({
  data: new Float32Array(rows * columns).fill(value), rows, columns, samples: 1, slope: 1, intercept: 0, padding: null,
});
const PLANE = { position: [-100, -90, 20], orientation: AXIAL, spacing: [0.7, 0.7] };
const IMAGE = { rows: 260, columns: 280 };
const never = new AbortController().signal;

/** A server that maps points by a function. */
function mapsBy(mapped, method) {
  const api = { map: async ({ points }) => ({
    reason: null, method, path: ['t.1'], points: points.map((point) => ({ point: mapped(point), uncertaintyMm: 1, uncertaintySource: 'declared', grade: 'green' })),
  }) };
  return new Maps(api, () => 'P');
}

test('beyond the ends and in a hole nothing is made up, as in the worker', () => {
  const stack = new CutStack(stackOf([0, 2, 4, 12, 14]), 1);
  const frames = [0, 1, 2, 3, 4].map((value) => frameOf(value));
  const values = [-1.1, -1, 0, 1, 4.9, 5.1, 8, 10.9, 11.1, 13, 15, 15.1].map((z) => {
    const out = new Float32Array(1);
    cutInto(out, 1, 1, stack, frames, { matrix: [0, 0, 0, 0, 0, 0, 8, 8, 5 + z] });
    return out[0];
  });
  const expected = [NaN, 0, 0, 0.5, 2, NaN, NaN, NaN, 3, 3.5, 4, NaN];
  values.forEach((value, at) => assert.ok(Object.is(expected[at], NaN) ? Number.isNaN(value) : Math.abs(value - expected[at]) < 1e-5, `${at}: ${value}`));
});

test('a slice that is not there leaves nothing, and only slices that a cut goes through are asked for', () => {
  const stack = new CutStack(stackOf(Array.from({ length: 30 }, (_, at) => at)), 0.5);
  const frames = Array.from({ length: 30 }, (_, at) => (at === 11 ? undefined : frameOf(at)));
  const out = new Float32Array(2);
  cutInto(out, 2, 1, stack, frames, { matrix: [0, 0, -5, 0, 0, 0, 8, 8, 5 + 10.5] });
  assert.ok(Number.isNaN(out[0]));
  assert.equal(out[1], 5.5);
  const [from, to] = slicesOf(stack, { rows: 20, columns: 24 }, { matrix: [0.5, 0, 0.01, 0, 0.5, 0, 3, -4, 5 + 10.5] }, 30, 30);
  assert.ok(from <= 10 && from >= 8 && to >= 11 && to <= 13, `${from} to ${to}`);
  assert.equal(slicesOf(stack, { rows: 20, columns: 24 }, { matrix: [0.5, 0, 0, 0, 0.5, 0, 500, 500, 5] }, 30, 30), null);
});

test('a transform that is a matrix is found to be one, and one that bends is not', async () => {
  const turn = ([x, y, z]) => [0.8 * x - 0.6 * y + 3, 0.6 * x + 0.8 * y - 2, 1.1 * z + 0.01 * x];
  const { matrix } = await wayBetween(mapsBy(turn, 'affine'), 'a', 'b', never);
  const place = flatPlace([1, 0, 0, 0, 1, 0], PLANE, matrix);
  const point = new Float64Array(3);
  pointInto(point, place, 30, 40);
  turn([-100 + 30 * 0.7, -90 + 40 * 0.7, 20]).forEach((value, axis) => assert.ok(Math.abs(point[axis] - value) < 1e-9));
  const bent = ([x, y, z]) => [x + Math.sin(y / 40), y, z];
  assert.equal((await wayBetween(mapsBy(bent, 'rigid'), 'a', 'b', never)).matrix, null);
  assert.equal((await wayBetween(mapsBy(turn, 'deformable'), 'a', 'b', never)).matrix, null);
});

test('a grid over the image is made finer until it is right between its nodes, and does not reach where the transform does not', async () => {
  const sizes = [];
  for (const wave of [200, 25, 12]) {
    const bent = ([x, y, z]) => (x < -80 ? null : [x + 4 * Math.sin(y / wave), y + 3 * Math.cos(x / wave), z + 2 * Math.sin((x + y) / wave)]);
    const grid = await gridOver(mapsBy(bent, 'deformable'), { source: 'a', target: 'b', plane: PLANE, ...IMAGE }, never);
    const place = gridPlace([1, 0, 0, 0, 1, 0], IMAGE, grid);
    const point = new Float64Array(3);
    for (let at = 0; at < 500; at += 1) {
      const [i, j] = [(at * 37) % 280, (at * 53) % 260];
      const exact = bent([-100 + i * 0.7, -90 + j * 0.7, 20]);
      pointInto(point, place, i, j);
      if (exact === null) {
        assert.ok(Number.isNaN(point[0]));
      } else if (!Number.isNaN(point[0])) {
        assert.ok(Math.hypot(...exact.map((value, axis) => value - point[axis])) < 0.25, `wave ${wave}, pixel ${i} ${j}`);
      }
    }
    sizes.push(grid.rows);
  }
  assert.ok(sizes[0] < sizes[2], String(sizes));
});

test('the same points are asked for once, and again after the transforms may have changed', async () => {
  const maps = mapsBy((point) => point, 'rigid');
  const points = Array.from({ length: 2500 }, (_, at) => [at, 0, 0]);
  const [one, two] = await Promise.all([maps.map('k', 'a', 'b', points, never), maps.map('k', 'a', 'b', points, never)]);
  assert.equal(one, two);
  assert.equal(maps.requests, 3);
  assert.deepEqual(one.points, points);
  assert.ok(maps.paths.has('t.1'));
  maps.forget();
  await maps.map('k', 'a', 'b', points, never);
  assert.equal(maps.requests, 6);
});

test('a difference has no colour where one study has nothing, and as much for more as for less', () => {
  const pixels = new Uint32Array(5);
  differenceInto(pixels, Float32Array.of(0, 0, 10, NaN, 5), Float32Array.of(0, 10, 0, 5, NaN), 10);
  const channels = [...pixels].map((pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]);
  assert.deepEqual(channels[0], [48, 48, 48]);
  assert.deepEqual(channels[1], [...channels[2]].reverse());
  assert.ok(channels[1][0] > channels[1][2]);
  assert.deepEqual(channels.slice(3), [[0, 0, 0], [0, 0, 0]]);
  assert.equal(whyNoDifference({ modality: 'CT', unit: 'HU' }, { modality: 'CT', unit: 'HU' }), null);
  assert.equal(whyNoDifference({ modality: 'PT', unit: 'Bq/ml' }, { modality: 'PT', unit: 'g/ml' }).key, 'pair.otherUnit');
  assert.equal(whyNoDifference({ modality: 'CT', unit: 'HU' }, { modality: 'MR', unit: null }).key, 'pair.otherModality');
});

test('blink shows the one or the other, whole', () => {
  const [first, second] = [Float32Array.of(0, 100), Float32Array.of(100, 0)];
  const windows = [{ center: 50.5, width: 101, isInverted: false }, { center: 50.5, width: 101, isInverted: true }];
  const shown = (isOther) => {
    const image = { data: new Uint8ClampedArray(8), width: 2, height: 1 };
    compose(image, [first, second], windows, { mode: 'blink', isOther, split: 0.5 });
    return [image.data[0], image.data[4]];
  };
  assert.deepEqual(shown(false), [0, 255]);
  assert.deepEqual(shown(true), [0, 255]); // the other way round, and inverted
});

test('fusion: colour over grey in the share that is asked for, and nothing where one study has nothing', () => {
  const windows = [{ center: 50.5, width: 101, isInverted: false }, { center: 500.5, width: 1001, isInverted: false }]; // 0 to 100, 0 to 1000
  const first = Float32Array.from([100, 0, NaN, 100, NaN]);
  const second = Float32Array.from([0, 1000, 1000, NaN, NaN]);
  const fused = (share, colours = 'hot') => {
    const image = { data: new Uint8ClampedArray(20), width: 5, height: 1 };
    compose(image, [first, second], windows, { mode: 'fusion', isOther: false, split: 0.5, share, colours });
    return [0, 1, 2, 3, 4].map((at) => [...image.data.subarray(4 * at, 4 * at + 4)]);
  };
  assert.deepEqual(fused(0), [[0, 0, 0, 255], [255, 255, 255, 255], [255, 255, 255, 255], [0, 0, 0, 255], [0, 0, 0, 255]]);
  const half = fused(0.5);
  assert.deepEqual(half[0].map((value) => Math.abs(value - 127.5) <= 0.5).slice(0, 3), [true, true, true]); // white over black
  assert.deepEqual(half[1].map((value) => Math.abs(value - 127.5) <= 0.5).slice(0, 3), [true, true, true]); // black over white
  assert.deepEqual(half[2], [255, 255, 255, 255]); // no transform reaches there: the second as it is
  assert.deepEqual(half[4], [0, 0, 0, 255]);
  for (const colours of COLOURS) {
    const table = tableOf(colours);
    const sums = Array.from({ length: 256 }, (_, level) => table[3 * level] + table[3 * level + 1] + table[3 * level + 2]);
    assert.deepEqual([sums[0], sums[255]], [0, 765], colours);
    assert.ok(sums.every((sum, level) => level === 0 || sum >= sums[level - 1]), `${colours}: brighter values have brighter colours`);
  }
  const middle = Float32Array.from([50]);
  const one = { data: new Uint8ClampedArray(4), width: 1, height: 1 };
  compose(one, [middle, Float32Array.from([0])], windows, { mode: 'fusion', isOther: false, split: 0.5, share: 1, colours: 'hot' });
  const table = tableOf('hot');
  const level = Math.round((50 / 100) * 255);
  assert.deepEqual([...one.data.subarray(0, 3)], [...table.subarray(3 * level, 3 * level + 3)]);
});
