import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const geometry = await load('shared/geometry.js');
const { readAddress, writeAddress } = await load('timeline/address.js');
const { Api, inPath, placeOf } = await load('shared/api.js');

const OBLIQUE = [0.8, 0.6, 0, -0.36, 0.48, 0.8];
const plane = { position: [10, -20, 30], orientation: OBLIQUE, spacing: [2, 0.5] };

test('a pixel, its point and back; the distance is signed along the normal', () => {
  const point = geometry.pointOf(plane, 3.25, 7.5);
  assert.deepEqual(point.map((value) => Number(value.toFixed(9))), [
    10 + 7.5 * 0.5 * 0.8 - 3.25 * 2 * 0.36, -20 + 7.5 * 0.5 * 0.6 + 3.25 * 2 * 0.48, 30 + 3.25 * 2 * 0.8,
  ].map((value) => Number(value.toFixed(9))));
  const normal = geometry.cross(OBLIQUE.slice(0, 3), OBLIQUE.slice(3));
  const beside = point.map((value, axis) => value + 1.5 * normal[axis]);
  const { row, column, distanceMm } = geometry.pixelOf(plane, beside);
  assert.ok(Math.abs(row - 3.25) < 1e-9 && Math.abs(column - 7.5) < 1e-9 && Math.abs(distanceMm - 1.5) < 1e-9);
});

test('100 mm have the same number of canvas pixels whatever the pixel spacing', () => {
  for (const spacing of [[1, 1], [2, 0.5], [0.703125, 0.703125]]) {
    const show = { row: 10, column: 20, x: 200, y: 150, mmPerPixel: 0.62, isFlippedH: true, isFlippedV: false };
    const matrix = geometry.imageFromCanvas(show, spacing);
    const from = geometry.canvasAt(matrix, 10, 20);
    const across = geometry.canvasAt(matrix, 10, 20 + 100 / spacing[1]);
    const down = geometry.canvasAt(matrix, 10 + 100 / spacing[0], 20);
    assert.ok(Math.abs(from.x - 200) < 1e-9 && Math.abs(from.y - 150) < 1e-9);
    assert.ok(Math.abs(from.x - across.x - 100 / 0.62) < 1e-6);
    assert.ok(Math.abs(down.y - from.y - 100 / 0.62) < 1e-6);
    const back = geometry.pixelAt(matrix, across.x, across.y);
    assert.ok(Math.abs(back.column - 20 - 100 / spacing[1]) < 1e-9);
  }
});

test('orientation letters, flipped too', () => {
  const axial = [1, 0, 0, 0, 1, 0];
  assert.deepEqual(geometry.edgesOf(axial, { isFlippedH: false, isFlippedV: false }),
    { left: 'R', right: 'L', top: 'A', bottom: 'P' });
  assert.deepEqual(geometry.edgesOf(axial, { isFlippedH: true, isFlippedV: false }),
    { left: 'L', right: 'R', top: 'A', bottom: 'P' });
  assert.deepEqual(geometry.edgesOf([0, 1, 0, 0, 0, -1], { isFlippedH: false, isFlippedV: false }),
    { left: 'A', right: 'P', top: 'H', bottom: 'F' });
  assert.equal(geometry.lettersOf([0.8, 0.6, 0]), 'LP');
});

test('what is in the address comes back, whatever the PatientID', () => {
  const address = {
    view: 'point', patient: 'A, B & Söhne=1?', study: '1.2.3',
    point: { patientId: 'A,B/ü%', frameOfReferenceUid: 'series:1.2', x: -1.5, y: 0, z: 1e-3 },
  };
  assert.deepEqual(readAddress(writeAddress(address)), address);
  const pixel = { view: 'point', patient: undefined, study: undefined,
    point: { sopInstanceUid: '1.2', frameNumber: 3, row: 1.25, column: -0.5 } };
  assert.deepEqual(readAddress(writeAddress(pixel)), pixel);
  assert.deepEqual(readAddress(`?point=${encodeURIComponent('1.2,3,1.25,-0.5')}`), pixel);
});

test('without anything to show the page is the list; a point that is none is none', () => {
  assert.equal(readAddress('').view, 'find');
  assert.equal(readAddress('?view=find&patient=1').view, 'find');
  assert.equal(readAddress('?patient=1').view, 'point');
  for (const bad of ['1,2', '1,2,3,a', '1,1.5,3,4', '1,2,3,4,5,6', '%', 'a,b,1,2,Infinity']) {
    assert.equal(readAddress(`?point=${bad}`).point, undefined, bad);
  }
});

test('a proxy may put anything before the page', () => {
  assert.deepEqual(placeOf('/imaging/app/', '/imaging'), { root: '/imaging', prefix: '' });
  assert.deepEqual(placeOf('/a/imaging/app/b/imaging/app', '/imaging'), { root: '/imaging', prefix: '/a/imaging/app/b' });
});

test('an id in a path holds anything', () => {
  assert.equal(decodeURIComponent(decodeURIComponent(inPath('A/../B. %'))), 'A/../B. %');
  assert.ok(!/[./]/.test(decodeURIComponent(inPath('A/../B.'))));
});

test('problems come as what the server says, and its silence too', async () => {
  const answers = [
    new Response('{"code": "busy", "title": "Busy", "detail": "more requests", "status": 503}', { status: 503, headers: { 'Retry-After': '2' } }),
    new Response('<html>Bad gateway', { status: 502 }),
    new Response('not json'),
  ];
  const api = new Api({ prefix: '/p', root: '/imaging' }, async () => answers.shift() ?? Promise.reject(new TypeError('network')));
  await assert.rejects(api.job('1'), { code: 'busy', title: 'Busy', detail: 'more requests', status: 503, retryAfter: 2, mayPass: true });
  await assert.rejects(api.job('1'), { code: 'http502', status: 502, mayPass: true });
  await assert.rejects(api.job('1'), { code: 'notJson' });
  await assert.rejects(api.job('1'), { code: 'noAnswer', status: 0, mayPass: true });
});
