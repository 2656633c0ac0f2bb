import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { crossingOf, lineThrough, meetingOf, pointAt, pointsOf, StackPlanes } = await load('timeline/compare/line.js');

const AXIAL = [1, 0, 0, 0, 1, 0];
const planes = (heights, orientation = AXIAL) => heights.map((z) => ({ position: [0, 0, z], orientation, spacing: [1, 1] }));
const stack = (heights, reach) => new StackPlanes(planes(heights).map((plane, at) => ({ plane, reach: reach(at) })));
const near = (value, expected) => assert.ok(Math.abs(value - expected) < 1e-9, `${value} is not ${expected}`);

test('a line meets each plane of its stack, and goes on beyond both ends', () => {
  const line = lineThrough([5, 5, 3], planes([0, 2, 5]), AXIAL);
  for (const mm of [-3, -1, 0, 2]) {
    assert.ok(line.steps.some((step) => Math.abs(step - mm) < 1e-9), `${mm}`);
  }
  assert.ok(line.steps[0] <= -200 && line.steps.at(-1) >= 200);
  assert.ok(line.steps.every((step, at) => at === 0 || step > line.steps[at - 1]));
  assert.deepEqual(pointsOf(line)[line.steps.indexOf(2)], [5, 5, 5]);
  assert.equal(crossingOf([0, 0, 0], [1, 0, 0], planes([0])[0]), null);
});

test('between mapped points a curve is in proportion, and unknown where the transform does not reach', () => {
  const line = lineThrough([0, 0, 0], planes([0, 2, 4]), AXIAL);
  const curve = pointsOf(line).map(([x, y, z]) => (z < 0 ? null : [x + z, y, 2 * z]));
  assert.deepEqual(pointAt(line, curve, 2), [2, 0, 4]);
  assert.deepEqual(pointAt(line, curve, 3), [3, 0, 6]);
  assert.deepEqual(pointAt(line, curve, 0), [0, 0, 0]);
  assert.equal(pointAt(line, curve, -1), null);
  assert.equal(pointAt(line, curve, 1e6), null);
  near(meetingOf(line, curve, { position: [0, 0, 6], orientation: AXIAL }, 0), 3);
  assert.equal(meetingOf(line, curve, { position: [0, 0, -6], orientation: AXIAL }, 0), null);
});

test('of several meetings the one nearest to where the line is counts', () => {
  const line = lineThrough([0, 0, 0], planes([-10, -5, 0, 5, 10]), AXIAL);
  const folded = pointsOf(line).map(([x, y, z]) => [x, y, Math.abs(z)]);
  near(meetingOf(line, folded, { position: [0, 0, 4], orientation: AXIAL }, 1), 4);
  near(meetingOf(line, folded, { position: [0, 0, 4], orientation: AXIAL }, -1), -4);
});

test('the nearest plane within its reach, and none beyond', () => {
  const found = stack([0, 2, 5], (at) => [[0.75, 1], [1, 1.5], [1.5, 0.75]][at]);
  assert.equal(found.nearest([9, 9, 0.9]).at, 0);
  assert.equal(found.nearest([9, 9, 1]).at, 1); // half way: the upper one, as resolve has it
  assert.equal(found.nearest([9, 9, 3.4]).at, 1);
  assert.equal(found.nearest([9, 9, 5.75]).at, 2);
  assert.equal(found.nearest([9, 9, 5.8]).at, null);
  near(found.nearest([9, 9, 7]).beyondMm, 1.25);
  near(found.nearest([9, 9, -1]).beyondMm, 0.25);
  assert.equal(stack([4], () => [0.5, 0.5]).nearest([0, 0, 4.6]).at, null);
});
