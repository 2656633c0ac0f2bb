import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { faultsOf, nadirOf, percent, sumsOf } = await load('timeline/lesions/arithmetic.js');

const lesion = (sizes, more = {}) => ({ id: sizes.join(), organ: '', isNode: false, sizes, ...more });
const node = (...sizes) => lesion(sizes, { isNode: true });
const classes = (lesions, baseline = 0) => sumsOf(lesions, baseline, lesions[0].sizes.length).map(({ sizeClass }) => sizeClass);
const close = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

// Twelve cases computed by hand.
const CASES = [
  // 60 + 40 = 100; 42 + 28 = 70: -30 %
  ['1 a sum that is 30 % smaller is PR, at the very limit', [lesion([60, 42]), lesion([40, 28])], [null, 'PR']],
  // 100; 42.1 + 28 = 70.1: -29.9 %
  ['2 a tenth of a millimetre less is SD', [lesion([60, 42.1]), lesion([40, 28])], [null, 'SD']],
  // 50; 60: +20 %, +10 mm
  ['3 20 % and 10 mm more than the baseline are PD', [lesion([50, 60])], [null, 'PD']],
  // 20; 24: +20 %, but +4 mm; 25: +25 %, +5 mm
  ['4 20 % more but 4 mm is SD, 5 mm is PD', [lesion([20, 24, 25])], [null, 'SD', 'PD']],
  // 100; 105: +5 mm, but +5 %; 119.9: +19.9 %
  ['5 more than 5 mm but less than 20 % is SD', [lesion([100, 105, 119.9])], [null, 'SD', 'SD']],
  // 100; 50 (-50 %); 60: +20 % and +10 mm of the nadir 50, still -40 % of the baseline
  ['6 growth from the nadir is PD, though the sum is below the baseline', [lesion([100, 50, 60])], [null, 'PR', 'PD']],
  // nodes count by their short axis: 20 + 16 = 36; 9 + 8 = 17; both below 10 mm are normal, the sum is not 0
  ['7 nodes below 10 mm are CR with a sum of 17 mm', [node(20, 9), node(16, 8)], [null, 'CR']],
  // 30 + 20 = 50; 0 + 10 = 10: -80 %; a node of 10 mm is not normal
  ['8 a node of 10 mm keeps it PR', [lesion([30, 0]), node(20, 10)], [null, 'PR']],
  // 30 + 20; 0 + 9.9
  ['9 all gone and the node normal is CR', [lesion([30, 0]), node(20, 9.9)], [null, 'CR']],
  // after CR a lesion of 4 mm: less than 5 mm, and still PD, as it is back
  ['10 what comes back after CR is PD, however small', [lesion([20, 0, 4])], [null, 'CR', 'PD']],
  // 40 + 30 = 70; one is missing: NE; 90 alone is +20 mm, +28.6 % of 70: PD whatever the other is
  ['11 a target that is not measured is NE, unless the rest is PD by itself', [lesion([40, 35, 90]), lesion([30, null, null])], [null, 'NE', 'PD']],
  // the incomplete 35 is no nadir: 70; (35); 72: +2.9 %; before the baseline nothing is classed
  ['12 an incomplete sum is no nadir, and nothing is before the baseline', [lesion([99, 40, 35, 42]), lesion([99, 30, null, 30])], [null, null, 'NE', 'SD'], 1],
];

for (const [name, lesions, expected, baseline = 0] of CASES) {
  test(name, () => assert.deepEqual(classes(lesions, baseline), expected));
}

test('sums and changes of the sixth case', () => {
  const [first, second, third] = sumsOf([lesion([60, 30, 36]), lesion([40, 20, 24])], 0, 3);
  assert.deepEqual([first.sum, first.fromBaseline, first.sizeClass], [100, null, null]);
  assert.deepEqual([second.sum, second.fromBaseline, second.fromNadir], [50, -50, -50]);
  assert.deepEqual([third.sum, third.fromBaseline, third.fromNadirMm], [60, -40, 10]);
  close(third.fromNadir, 20);
});

test('a sum of nothing has no per cent', () => {
  const [, gone, still] = sumsOf([lesion([20, 0, 0])], 0, 3);
  assert.deepEqual([gone.sizeClass, still.sizeClass, still.fromNadir], ['CR', 'CR', null]);
  assert.equal(percent(4, 0), null);
  assert.equal(percent(null, 4), null);
});

test('without a complete baseline nothing is classed', () => {
  assert.deepEqual(classes([lesion([20, 10]), lesion([null, 10])]), [null, null]);
});

test('of one lesion the nadir is its own', () => {
  assert.equal(nadirOf(lesion([5, 30, 20, null, 25]), 1, 4), 20);
  assert.equal(nadirOf(lesion([5, 30]), 1, 1), null);
});

test('at most five targets, two of an organ, large enough, and measured at the baseline', () => {
  const faults = faultsOf([
    lesion([20], { id: 'a', organ: 'Liver' }), lesion([20], { id: 'b', organ: 'liver ' }), lesion([20], { id: 'c', organ: 'liver' }),
    lesion([9.9], { id: 'd' }), { ...node(14.9), id: 'e' }, { ...node(15), id: 'f' }, lesion([null], { id: 'g' }),
  ], 0);
  assert.deepEqual(faults.map(({ lesion: id, code }) => `${id} ${code}`), [
    'c tooManyInOrgan', 'd tooSmallAtBaseline', 'e tooSmallAtBaseline', 'f tooManyTargets', 'g tooManyTargets', 'g notMeasuredAtBaseline',
  ]);
});
