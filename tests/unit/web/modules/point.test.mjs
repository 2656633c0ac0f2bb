import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { pageOf, pagesOf } = await load('timeline/point/paging.js');
const { dayOf, intervalOf } = await load('timeline/point/dates.js');
const { rangeOf } = await load('timeline/point/windows.js');
const { findPicture, readSeries } = await load('timeline/point/series.js');
const { Foresight, straightMap } = await load('timeline/point/foresight.js');
const { applied: mapped } = await load('shared/geometry.js');

test('every study is on a page, the pinned ones on each, never more than fit', () => {
  for (const count of [1, 6, 7, 20, 61]) {
    const all = Array.from({ length: count }, (_, at) => at);
    const pinned = [0, count - 1];
    const seen = new Set();
    for (let index = 0; index < pagesOf(count, new Set(pinned).size, 6); index += 1) {
      const page = pageOf(all, pinned, 6, index);
      assert.ok(page.length <= 6);
      assert.ok(pinned.every((one) => page.includes(one)));
      assert.deepEqual(page, [...page].sort((a, b) => a - b));
      page.forEach((one) => seen.add(one));
    }
    assert.equal(seen.size, count);
  }
});

test('intervals are said as people say them, and a missing date says nothing', () => {
  const day = (studyDate) => dayOf({ studyDate });
  const said = (from, to) => intervalOf(day(from), day(to));
  assert.equal(said('2020-01-01', '2020-01-01'), 'same day');
  assert.equal(said('2020-01-01', '2020-01-15'), '+14 d');
  assert.equal(said('2020-06-01', '2020-01-01'), '−5 mo');
  assert.equal(said('2020-01-01', '2022-07-01'), '+2.5 y');
  assert.equal(said('', '2022-07-01'), '');
  assert.equal(dayOf({ studyDate: '', acquisitionDateTime: '1970-01-03T10:00:00' }), 2);
});

test('a window from the values leaves padding out', () => {
  const frame = { data: Int16Array.of(-2000, 0, 100, 200), slope: 2, intercept: 10, padding: [-2000, -2000] };
  assert.deepEqual(rangeOf(frame, 0), { center: 210.5, width: 401 }); // black at 10, white at 410
  assert.deepEqual(rangeOf({ ...frame, data: Int16Array.of(-2000) }, 0), { center: 0, width: 1 });
});

const PLANE = {
  sopInstanceUid: '1', orthancInstanceId: 'a', frameNumber: 2, imagePositionPatient: [1, 2, 3], ownGeometry: null,
  rescaleSlope: null, rescaleIntercept: null, unit: null, pixelPaddingValue: -1000, pixelPaddingRangeLimit: -2000,
  windowCenter: 40, windowWidth: 0, links: { pixels: '/instances/a/frames/1/numpy?rescale=false' },
};
const STACK = {
  index: 0, frameOfReferenceUid: '9', role: 'image', imageOrientationPatient: [1, 0, 0, 0, 1, 0], pixelSpacing: [2, 1],
  rows: 4, columns: 5, samplesPerPixel: 1, photometricInterpretation: 'MONOCHROME1', planes: [PLANE],
};

test('a series is read as the route gives it: stacks, then what has no place, frame by frame', () => {
  const { imagePositionPatient, ownGeometry, frameNumber, ...rest } = PLANE;
  const without = { ...rest, sopInstanceUid: '2', numberOfFrames: 3, frameNumbers: null, reason: 'noGeometry',
    samplesPerPixel: 3, photometricInterpretation: 'RGB', rows: 4, columns: 5, pixelPaddingValue: null };
  const series = readSeries({ seriesInstanceUid: 's', modality: 'CT', seriesNumber: 1, seriesDescription: '',
    stacks: [STACK], notIndexed: [without] });
  const [stack, others] = series.sequences;
  const [picture] = stack.pictures;
  assert.deepEqual(picture.plane, { position: [1, 2, 3], orientation: [1, 0, 0, 0, 1, 0], spacing: [2, 1] });
  assert.deepEqual([picture.slope, picture.intercept, picture.padding, picture.window, picture.isInverted],
    [1, 0, [-2000, -1000], null, true]);
  assert.deepEqual(others.pictures.map(({ address, plane }) => [address, plane]),
    [0, 1, 2].map((at) => [`/instances/a/frames/${at}/numpy?rescale=false`, null]));
  assert.deepEqual(findPicture(series, '1', 2), { sequence: stack, at: 0 });
  assert.equal(findPicture(series, '1', 1), null);
});

test('four mapped points are enough for a straight map, and a point without a place for none', () => {
  const turned = ([x, y, z]) => [-y + 5, x - 7, z * 1.1 + 2];
  const from = [[10, 20, 30], [50, 20, 30], [10, 60, 30], [10, 20, 70]];
  const map = straightMap(from, from.map(turned));
  const found = mapped(map, [-3, 8, 100]);
  turned([-3, 8, 100]).forEach((value, axis) => assert.ok(Math.abs(value - found[axis]) < 1e-9));
  assert.equal(straightMap(from, [turned(from[0]), null, turned(from[2]), turned(from[3])]), null);
});

test('a click has the frames on their way that its answer will name, and none where no way is known', async () => {
  const slices = (name) => [0, 5, 10].map((z) => ({
    address: `/${name}/${z}`, plane: { position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0], spacing: [1, 1] },
  }));
  const tile = (name, frameOfReferenceUid) => {
    const pictures = slices(name);
    return { isVisible: true, shown: { picture: pictures[0], sequence: { frameOfReferenceUid, pictures } } };
  };
  const loaded = [];
  const signals = [];
  const clicked = tile('a', '1');
  const page = {
    tiles: [clicked, tile('b', '1'), tile('c', '2'), tile('d', '3'), { ...tile('e', '1'), isVisible: false }],
    api: { href: (path) => path },
    loader: { load: async (address, signal) => { loaded.push(address); signals.push(signal); } },
  };
  const foresight = new Foresight(page);
  foresight.maps.set('1>2', straightMap([[0, 0, 0], [40, 0, 0], [0, 40, 0], [0, 0, 40]], [[0, 0, 9], [40, 0, 9], [0, 40, 9], [0, 0, 49]]));
  foresight.fetch(clicked, { row: 1, column: 1 });
  assert.deepEqual(loaded, ['/b/0', '/c/10']);
  foresight.answered();
  assert.ok(signals.every((signal) => !signal.aborted), 'the tiles have not asked for theirs yet');
  await new Promise((resolve) => { setTimeout(resolve); });
  assert.ok(signals.every((signal) => signal.aborted), 'what was guessed wrong is not fetched to its end');
});
