import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { readLayout, writeLayout } = await load('timeline/compare/layout.js');
const { filtered } = await load('timeline/compare/filters.js');
const { readAddress, writeAddress } = await load('timeline/address.js');

const LAYOUT = {
  off: ['zoom'], alone: ['1.2.3'], cut: true, pair: ['swipe', '1.2.3', '1.2.4'], pins: ['1.2.5'], filters: ['yearly'], page: 2,
  window: [40, 400], changes: { 'M,R;=': [0.25, 1.5] }, ranges: { '1.2.3': [-600.5, 1500] }, series: { '1.2.4': '9.8.7' }, scale: 0.54, anchor: [-3, 12.5], at: -31.25,
};

test('a layout comes back as it was, and what is as at first is not written', () => {
  assert.deepEqual(readLayout(writeLayout(LAYOUT)), LAYOUT);
  assert.equal(writeLayout({ off: [], cut: false, ranges: {}, scale: undefined }), '');
});

test('a layout goes through an address, with a point or a study beside it', () => {
  const layout = writeLayout(LAYOUT);
  for (const where of [{ study: '1.2.3' }, { point: { sopInstanceUid: '1.2', frameNumber: 1, row: 2, column: 3 } }]) {
    const address = readAddress(writeAddress({ view: 'point', ...where, layout }));
    assert.equal(address.layout, layout);
    assert.deepEqual(readLayout(address.layout), LAYOUT);
  }
});

test('nonsense is no layout', () => {
  for (const text of ['', ';;', 'cut:', 'scale:x', 'window:1', 'ranges:a=1/2/3', 'at:', 'at:NaN', 'pair', '%', 'off:%E0%A4%A', '__proto__:1', 'a'.repeat(20_000)]) {
    const layout = readLayout(text);
    assert.ok(Object.values(layout).every((value) => value === true || Object.keys(value).length === 0), `${text}: ${JSON.stringify(layout)}`);
  }
});

test('filters leave what is in use, and are met all at once', () => {
  const day = (year, month = 0) => Date.UTC(year, month, 5) / 86_400_000;
  const all = [[2018, 'CT'], [2019, 'MR'], [2019.5, 'MR'], [2020, 'CT'], [2020.5, 'MR'], [null, 'MR']].map(([year, modality], at) => (
    { at, day: year === null ? null : day(Math.floor(year), (year % 1) * 12), modalities: [modality] }));
  const list = (filters, always = []) => filtered(all, (one) => one, all[3], new Set(filters), new Set(always)).map(({ at }) => at);
  assert.deepEqual(list([]), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(list(['modality']), [0, 3]);
  assert.deepEqual(list(['yearly']), [0, 2, 4]);
  assert.deepEqual(list(['near']), [1, 2, 3, 4]);
  assert.deepEqual(list(['modality', 'near']), [3]);
  assert.deepEqual(list(['modality', 'near'], [all[5], all[0]]), [0, 3, 5]);
});
