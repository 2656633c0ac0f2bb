import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { readDays } = await load('timeline/find/query.js');
const { readableName } = await load('timeline/find/person_name.js');
const { intervalOf, layOut } = await load('timeline/find/axis.js');
const { stateOf } = await load('timeline/find/study_state.js');
const { search } = await load('timeline/panel/attributes.js');
const { hasWord } = await load('shared/words.js');

test('a day, a month and a year are dates; what else looks like a number is an id', () => {
  const day = { from: '2021-03-07', to: '2021-03-07' };
  for (const text of ['2021-03-07', '20210307', ' 07.03.2021 ', '7.3.2021']) {
    assert.deepEqual(readDays(text), day, text);
  }
  assert.deepEqual(readDays('2021-02'), { from: '2021-02-01', to: '2021-02-28' });
  assert.deepEqual(readDays('2.2024'), { from: '2024-02-01', to: '2024-02-29' });
  assert.deepEqual(readDays('2021'), { from: '2021-01-01', to: '2021-12-31' });
  assert.deepEqual(readDays('2021-12'), { from: '2021-12-01', to: '2021-12-31' });
  for (const text of ['', 'Doe', '2021-13', '2021-02-30', '31.02.2021', '1234', '20211345', '03/07/2021', '2021-03-07x']) {
    assert.equal(readDays(text), null, text);
  }
});

test('names are read as DICOM writes them', () => {
  assert.equal(readableName('Doe^Jane^A^Dr^PhD'), 'Doe, Dr Jane A PhD');
  assert.equal(readableName('Yamada^Tarou=山田^太郎=やまだ^たろう'), 'Yamada, Tarou (山田, 太郎, やまだ, たろう)');
  assert.equal(readableName('=山田^太郎'), '山田, 太郎');
  assert.equal(readableName('^Jane'), 'Jane');
  assert.equal(readableName(''), '');
  assert.equal(readableName('<b>x</b>'), '<b>x</b>');
});

test('marks lie as far apart as the studies are in time', () => {
  const { marks } = layOut(['2020-01-01', '2021-01-01', '2024-01-01'], 1026, 26);
  assert.equal(marks[0].x, 13);
  assert.equal(marks[2].x, 1013);
  assert.ok(Math.abs(marks[1].x - (13 + 1000 * 366 / 1461)) < 1e-9);
  assert.deepEqual(marks.map((mark) => mark.level), [0, 0, 0]);
});

test('marks that would lie on each other are lifted, and keep their place in time', () => {
  const { marks, levels } = layOut(['2020-01-01', '2020-01-02', '2020-01-03', '2024-01-01'], 400, 26);
  assert.deepEqual(marks.map((mark) => mark.level), [0, 1, 2, 0]);
  assert.equal(levels, 3);
  for (const one of marks) {
    for (const other of marks) {
      assert.ok(one === other || one.level !== other.level || Math.abs(one.x - other.x) >= 26);
    }
  }
});

test('studies without a date stand apart at the end; one alone is in the middle', () => {
  const { marks } = layOut(['2020-01-01', '2021-01-01', '', null], 600, 26);
  assert.deepEqual(marks.map((mark) => mark.isDated), [true, true, false, false]);
  assert.ok(marks[2].x - marks[1].x >= 26 && marks[3].x - marks[2].x >= 26 && marks[3].x <= 600 - 13);
  assert.equal(layOut(['2020-01-01'], 600, 26).marks[0].x, 300);
  assert.deepEqual(layOut([], 600, 26).marks, []);
});

test('there are as many ticks as have room, in time order', () => {
  for (const last of ['2020-02-10', '2021-01-01', '2026-01-01', '2090-01-01']) {
    const { ticks } = layOut(['2020-01-05', last], 900, 26);
    assert.ok(ticks.length >= 1, last);
    for (let at = 1; at < ticks.length; at += 1) {
      assert.ok(ticks[at].x - ticks[at - 1].x > 45, last);
      assert.ok(ticks[at].label > ticks[at - 1].label);
    }
  }
});

test('intervals are in days, months or years', () => {
  assert.deepEqual(intervalOf('2021-03-07', '2022-03-07'), { value: '+1.0', unit: 'years' });
  assert.deepEqual(intervalOf('2021-03-07', '2021-03-10'), { value: '+3', unit: 'days' });
  assert.deepEqual(intervalOf('2021-03-07', '2021-09-07'), { value: '+6', unit: 'months' });
  assert.deepEqual(intervalOf('2022-03-07', '2021-03-07'), { value: '−1.0', unit: 'years' });
  assert.equal(intervalOf('2022-03-07', ''), null);
});

const study = (id, alignment, frames, more = {}) => ({
  orthancStudyId: id, indexed: true, alignment, frameOfReferenceUids: frames, failedAlignments: [], ...more,
});

function stateIn(one, jobs = []) {
  const first = study('first', 'reference', ['F1']);
  return stateOf(one, { studies: [first, one] }, jobs);
}

test('an aligned study is shown as the server says it is joined', () => {
  const shown = (alignmentQuality) => stateIn(study('s', 'aligned', ['F3'], { alignmentQuality }));
  const amber = shown({ grade: 'amber', expectedErrorMm: 3.75, reviewed: false, path: ['a', 'b'] });
  assert.deepEqual([amber.kind, amber.key, amber.values, amber.grade], ['aligned', 'state.aligned.measured.notReviewed', { mm: '3.8' }, 'amber']);
  const claimed = shown({ grade: 'amber', expectedErrorMm: 0.5, reviewed: true, path: ['a'] });
  assert.deepEqual([claimed.key, claimed.values, claimed.grade], ['state.aligned.measured.reviewed', { mm: '0.5' }, 'amber']);
  const unknown = shown({ grade: 'unknown', expectedErrorMm: null, reviewed: false, path: ['a'] });
  assert.deepEqual([unknown.key, unknown.values, unknown.grade], ['state.aligned.notMeasured.notReviewed', {}, 'unknown']);
  assert.equal(shown({ ...unknown, expectedErrorMm: null, reviewed: true }).key, 'state.aligned.notMeasured.reviewed');
  for (const one of [amber, claimed, unknown]) {
    assert.ok(hasWord(one.key), one.key);
  }
});

test('each state is the one that the server tells', () => {
  const tried = { failedAlignments: [{ reason: 'there and back differ by 14 mm' }] };
  const job = (kind, state) => [{ id: 'j', kind, state, subject: 's', progress: 0.426, error: 'no room' }];
  const cases = [
    [study('s', null, [], { indexed: false }), [], 'notIndexed', 'state.notIndexed', ''],
    [study('s', 'needsAlignment', ['F2']), [], 'indexed', 'state.needsAlignment', ''],
    [study('s', null, []), [], 'indexed', 'state.noPlace', ''],
    [study('s', 'reference', ['F1']), [], 'aligned', 'state.sameFrame', ''],
    [study('s', 'failed', ['F2'], tried), [], 'failed', 'state.alignmentFailed', 'there and back differ by 14 mm'],
    [study('s', 'needsAlignment', ['F2']), job('index', 'failed'), 'failed', 'state.indexFailed', 'no room'],
    [study('s', 'needsAlignment', ['F2']), job('align', 'running'), 'working', 'state.align.running', ''],
    [study('s', null, [], { indexed: false }), job('index', 'queued'), 'working', 'state.index.queued', ''],
    [study('s', 'queued', ['F2']), [], 'working', 'state.align.queued', ''],
    [study('s', 'needsAlignment', ['F2']), job('refine', 'running'), 'indexed', 'state.needsAlignment', ''],
  ];
  for (const [one, jobs, kind, key, why] of cases) {
    const state = stateIn(one, jobs);
    assert.deepEqual([state.kind, state.key, state.why], [kind, key, why]);
    assert.ok(hasWord(key), key);
  }
  assert.deepEqual(stateIn(study('s', 'needsAlignment', ['F2']), job('align', 'running')).values, { percent: 42 });
});

const attribute = (tag, keyword, name, value, items = null) => ({ tag, keyword, name, value, items, itemCount: items?.length ?? 0 });
const HEADER = [
  attribute('0008,0060', 'Modality', 'Modality', 'MR'),
  attribute('0010,0010', 'PatientName', "Patient's Name", 'MÜLLER^Jane'),
  attribute('0008,1140', 'ReferencedImageSequence', 'Referenced Image Sequence', null, [
    [attribute('0008,1155', 'ReferencedSOPInstanceUID', 'Referenced SOP Instance UID', '1.2.3')],
    [attribute('0008,1155', 'ReferencedSOPInstanceUID', 'Referenced SOP Instance UID', '4.5.6')],
  ]),
];

test('attributes are found by name, keyword, tag number and value, nested ones too', () => {
  const tags = (text) => search(HEADER, text).attributes.map((each) => each.tag);
  assert.equal(search(HEADER, '').attributes.length, 3);
  assert.deepEqual(tags('patient’s'.replace('’', "'")), ['0010,0010']);
  assert.deepEqual(tags('patientname'), ['0010,0010']);
  for (const number of ['0010,0010', '(0010,0010)', '00100010']) {
    assert.deepEqual(tags(number), ['0010,0010'], number);
  }
  assert.deepEqual(tags('muller'), ['0010,0010']);
  assert.deepEqual(tags('jane name'), ['0010,0010']);
  const nested = search(HEADER, '4.5.6');
  assert.deepEqual([nested.count, nested.attributes[0].items.length, nested.attributes[0].items[0][0].value], [1, 1, '4.5.6']);
  assert.deepEqual(search(HEADER, 'nothing like it'), { attributes: [], count: 0 });
});
