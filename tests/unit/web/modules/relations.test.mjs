import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { STATUSES, partGroups, problemGroups, problemsLeft, problemsLine } = await load('shared/relations.js');
const { hasWord, word } = await load('shared/words.js');
const { sideOf } = await load('timeline/point/strip.js');
const { clustersOf, entriesOf, isMarkOnly, linesOfCluster, nameOfCluster } = await load('timeline/radiotherapy/treatments.js');
const { windowTitle } = await load('timeline/compare/toolbar.js');
const { doneWords } = await load('timeline/align/outcome.js');
const { readAddress, writeAddress } = await load('timeline/address.js');

const problem = (status, text, edge = 'e') => ({ edge, node: 'instance:1', status, text });

test('every status has a word, and what is wrong is told by kind, the gravest first', () => {
  STATUSES.forEach((status) => assert.ok(hasWord(`relation.${status}`), status));
  const groups = problemGroups([
    problem('missing', 'A is not here'), problem('missing', 'B is not here'), problem('otherPatient', 'C is another’s'), problem(null, 'D is damaged'),
    problem('missing', 'A is not here'),
  ]);
  assert.deepEqual(groups.map(({ status }) => status), ['otherPatient', 'missing', 'damaged']);
  assert.deepEqual(groups[1].lines, ['A is not here (2 times)', 'B is not here']);
  assert.equal(groups[1].title, word('relation.missing'));
  assert.deepEqual(problemGroups([problem('newKind', 'E')]).map(({ lines }) => lines), [['E']]); // a newer server
});

test('of very many a count and the first ones are told, and the count is of all', () => {
  const problems = Array.from({ length: 1000 }, (_, at) => problem(at % 2 ? 'missing' : 'wrongFrame', `Object ${at}`));
  const relations = { problems, problemsTotal: 10_000 };
  const groups = problemGroups(problems, 5);
  assert.equal(groups.length, 2);
  groups.forEach(({ lines, more }) => assert.deepEqual([lines.length, more], [5, 495]));
  assert.equal(problemsLine(relations), '10,000 links are not as they should be');
  assert.equal(problemsLeft(relations), 9000);
  assert.equal(problemsLine({ problems: problems.slice(0, 1), problemsTotal: 1 }), '1 link is not as it should be');
});

test('parts of a treatment are told with their evidence, and of other patients nothing', () => {
  const group = (name, seriesInstanceUids, evidence = ['because']) => ({ kind: 'workflow', name, seriesInstanceUids, evidence });
  const modality = (name) => ({ kind: 'modality', name, seriesInstanceUids: ['1'], evidence: [] });
  assert.deepEqual(partGroups([group('unknown', ['1', '2']), modality('CT')]), []);
  const [planning, unknown] = partGroups([group('planning', ['1', '2'], ['a', 'b', 'c', 'd', 'e']), group('unknown', ['3']), modality('CT')]);
  assert.deepEqual([planning.title, planning.series, planning.evidence], ['Planning', 2, ['a', 'b', 'c', 'and 2 more']]);
  assert.equal(unknown.title, 'Unknown');
  assert.equal(partGroups([group('unknown', ['1']), modality('RTSTRUCT')]).length, 1);
  assert.deepEqual(partGroups([group('planning', ['1', '2']), group('followUp', ['3'])], new Set(['2'])).map(({ name, series }) => [name, series]), [['planning', 1]]);
});

test('what linking windows does is said of the images that there are', () => {
  assert.equal(windowTitle(['CT']), 'One window for all CT');
  assert.match(windowTitle(['CT', 'MR', 'PT']), /all CT.*MR, PT/);
  assert.doesNotMatch(windowTitle(['MR']), /CT/);
  assert.match(windowTitle(['MR']), /MR/);
});

test('what an alignment came to: a process that ended is no verdict on the images', () => {
  const result = (outcome, rejection = null, reason = '') => ({ outcome, pairs: rejection ? [{ rejection, reason }] : [] });
  assert.equal(doneWords(result('aligned')), 'Aligned automatically.');
  assert.match(doneWords(result('failed', 'inconsistent', 'There and back differ.')), /not good enough. There and back differ./);
  const ended = doneWords(result('failed', 'workerCrashed', 'The worker was killed.'));
  assert.match(ended, /ended before there was a result. The worker was killed./);
  assert.doesNotMatch(ended, /refused|good enough/);
  assert.match(doneWords(result('nothingToDo')), /already aligned/);
});

test('an exam stays in the address of every view', () => {
  for (const view of ['point', 'review', 'align']) {
    const address = { view, patient: 'P', exam: 'RIS 1' };
    assert.equal(readAddress(writeAddress(address)).exam, 'RIS 1', view);
  }
  assert.equal(readAddress(writeAddress({ view: 'point', place: '1.2', exam: 'A' })).exam, 'A');
});

test('what is said of a mark stays on the screen at both ends', () => {
  assert.deepEqual([3, 50, 97].map(sideOf), ['to-right', '', 'to-left']);
});

test('treatments and RT Images are marks in time order, one for what lies close together, each with fraction and beams', () => {
  const beam = (name, termination = 'NORMAL') => ({ name, number: 1, termination });
  const lists = {
    treatments: [
      { sopInstanceUid: 'b', date: '2024-02-02', dateTime: '2024-02-02T10:00:00', planLabel: null, fractionNumbers: [2], fractionsPlanned: null, record: { beams: [beam('AP', 'MACHINE'), beam('PA')], summaries: [] } },
      { sopInstanceUid: 'a', date: '2024-02-01', dateTime: '2024-02-01T10:00:00', planLabel: 'Plan A', fractionNumbers: [1], fractionsPlanned: 20, record: { beams: [beam('AP')], summaries: [] } },
      { sopInstanceUid: 'c', date: null, dateTime: null, planLabel: '', fractionNumbers: [], fractionsPlanned: null, record: {} },
    ],
    portalImages: [{ sopInstanceUid: 'd', date: '2024-02-02', dateTime: '2024-02-02T09:00:00', dateSource: 'content', planLabel: 'Plan A', beamName: 'AP', fractionsPlanned: 20,
      image: { kind: 'PORTAL', label: 'AP portal', fractionNumber: 2, beamNumber: 1 } }],
  };
  const entries = entriesOf(lists);
  assert.deepEqual(entries.map(({ id }) => id), ['a', 'd', 'b', 'c']);
  assert.equal(entries[0].text, 'Treatment · fraction 1 of 20 · beam AP · plan “Plan A”');
  assert.equal(entries[1].text, 'Portal image · fraction 2 of 20 · beam AP · plan “Plan A” · “AP portal” · day of its content, acquisition not stated');
  assert.equal(entries[2].text, 'Treatment · fraction 2 · beams AP, PA · did not end normally: AP');
  assert.deepEqual(entries.map(({ isDoubtful }) => isDoubtful), [false, false, true, false]);
  const clusters = clustersOf(entries, [10, 11, 11, 11.5], 2);
  assert.deepEqual(clusters.map((one) => one.entries.map(({ id }) => id)), [['a', 'd', 'b'], ['c']]); // what has no day is no part of another day's mark
  assert.equal(nameOfCluster(clusters[0]), '2024-02-01 to 2024-02-02: 2 treatment records, 1 RT Image');
  assert.equal(nameOfCluster(clusters[1]), 'no date: 1 treatment record');
  const many = Array.from({ length: 40 }, (_, at) => ({ ...entries[0], id: String(at) }));
  const [mark] = clustersOf(many, many.map(() => 50), 2);
  assert.equal(linesOfCluster(mark).length, 13);
  assert.equal(linesOfCluster(mark).at(-1).text, 'and 28 more');
});

test('a fraction that is only a record and portal images takes no tile; a scan made with it does', () => {
  assert.equal(isMarkOnly({ modalities: ['RTIMAGE', 'RTRECORD'] }), true);
  assert.equal(isMarkOnly({ modalities: ['CT', 'RTRECORD'] }), false);
  assert.equal(isMarkOnly({ modalities: ['RTDOSE', 'RTPLAN'] }), false);
  assert.equal(isMarkOnly({ modalities: [] }), false);
});
