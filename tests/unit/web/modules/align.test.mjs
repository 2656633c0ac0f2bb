import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { fitRigid, fromSix, inverse, product, residuals, toSix, turnAbout } = await load('timeline/align/fit.js');
const { applied: mapped } = await load('shared/geometry.js');
const { Volume } = await load('timeline/align/volume.js');
const { directionsOf, placeOf, pointAt, sampled } = await load('timeline/align/cut.js');

const POINTS = [[10, 20, 30], [-40, 5, 60], [25, -35, 0], [0, 50, -20]];
const near = (actual, expected, within = 1e-9) => actual.forEach((value, at) => assert.ok(Math.abs(value - expected[at]) < within, `${actual} is not ${expected}`));

test('pairs of one rigid motion are fitted exactly, near half a turn too', () => {
  for (const six of [[5, -7, 3, 10, -20, 30], [0, 0, 0, 0, 0, 0], [100, 0, -50, 170, 5, -8], [1, 2, 3, 0, 89.9, 0]]) {
    const motion = fromSix(six, [3, 4, 5]);
    const pairs = POINTS.slice(0, 3).map((source) => ({ source, target: mapped(motion, source) }));
    const found = fitRigid(pairs);
    found.forEach((row, at) => near(row, motion[at], 1e-9));
    residuals(found, pairs).forEach((mm) => assert.ok(mm < 1e-9));
  }
});

test('of pairs that do not fit, no turn or shift nearby fits better', () => {
  const noise = [[0.8, -0.4, 0.2], [-0.6, 0.9, 0.1], [0.3, 0.2, -1.1], [-0.5, -0.7, 0.4]];
  const motion = fromSix([5, -7, 3, 10, -20, 30], [0, 0, 0]);
  const pairs = POINTS.map((source, at) => ({ source, target: mapped(motion, source).map((value, axis) => value + noise[at][axis]) }));
  const cost = (matrix) => residuals(matrix, pairs).reduce((sum, mm) => sum + mm * mm, 0);
  const best = fitRigid(pairs);
  for (let axis = 0; axis < 6; axis += 1) {
    for (const step of [-0.05, 0.05]) {
      const six = [0, 0, 0, 0, 0, 0];
      six[axis] = step;
      assert.ok(cost(product(fromSix(six, [0, 0, 0]), best)) > cost(best));
    }
  }
});

test('landmarks of a mirror image are fitted by a rotation, never by the mirror', () => {
  const matrix = fitRigid(POINTS.map(([x, y, z]) => ({ source: [x, y, z], target: [-x, y, z] })));
  const [[a, b, c], [d, e, f], [g, h, i]] = matrix;
  assert.ok(Math.abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) - 1) < 1e-9);
});

test('six numbers, a matrix, its inverse and back', () => {
  const six = [12, -3, 4.5, 20, -35, 60];
  const pivot = [10, -20, 30];
  const matrix = fromSix(six, pivot);
  near(toSix(matrix, pivot), six);
  product(matrix, inverse(matrix)).forEach((row, at) => near(row, [0, 1, 2, 3].map((column) => Number(at === column))));
  near(mapped(turnAbout([0, 0, 1], Math.PI / 2, [1, 1, 0]), [2, 1, 5]), [1, 2, 5]);
});

/** A stack whose value at a point is x + 10 y + 100 z, with one gap wider than the others. */
function volume() {
  const rows = 12;
  const columns = 10;
  const pictures = [0, 2, 4, 6, 9].map((z) => ({ plane: { position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0], spacing: [1, 1] }, rows, columns }));
  const made = new Volume({}, { frameOfReferenceUid: '1', role: 'image', pictures });
  made.frames = pictures.map(({ plane }) => ({
    rows, columns, samples: 1, slope: 1, intercept: 0, padding: null,
    data: Float32Array.from({ length: rows * columns }, (_, at) => (at % columns) + 10 * Math.floor(at / columns) + 100 * plane.position[2]),
  }));
  return made;
}

test('a volume answers with its nearest plane, and not in a gap or outside', () => {
  const made = volume();
  assert.equal(made.valueAt([3.5, 4, 4.2]), 3.5 + 40 + 400);
  assert.equal(made.planeAt([0, 0, 7.4]), 3);
  assert.equal(made.planeAt([0, 0, 7.6]), 4);
  assert.equal(made.planeAt([0, 0, -1.6]), -1);
  assert.ok(Number.isNaN(made.valueAt([20, 4, 4])));
});

test('cuts show what is at their points, whichever way they lie', () => {
  const made = volume();
  for (const kind of ['native', 'rows', 'columns']) {
    const cut = { centre: [4, 5, 4], ...directionsOf(made, kind), mmPerPixel: 1, width: 5, height: 5 };
    const values = sampled(made, cut);
    for (let y = 0; y < 5; y += 1) {
      for (let x = 0; x < 5; x += 1) {
        const point = pointAt(cut, x + 0.5, y + 0.5);
        assert.ok(Math.abs(values[y * 5 + x] - made.valueAt(point)) < 1e-3, `${kind} ${x} ${y}`);
        const { distanceMm, ...place } = placeOf(cut, point);
        near([place.x, place.y, distanceMm], [x + 0.5, y + 0.5, 0]);
      }
    }
  }
  assert.deepEqual(directionsOf(made, 'rows').below, [-0, -0, -1], 'the head is up');
});

test('through a map a cut shows the other volume where it is', () => {
  const made = volume();
  const cut = { centre: [4, 5, 4], ...directionsOf(made, 'native'), mmPerPixel: 1, width: 3, height: 3 };
  const values = sampled(made, cut, fromSix([1, 2, 0, 0, 0, 0], [0, 0, 0]));
  near([...values], [...sampled(made, { ...cut, centre: [5, 7, 4] })], 1e-3);
});
