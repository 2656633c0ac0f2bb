import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { batchesOf, sendAll } = await load('timeline/find/uploads.js');
const MIB = 1024 * 1024;
const file = (name, size = 4) => ({ file: new File([new Uint8Array(Math.min(size, 16))], name), name, size });
const never = new AbortController().signal;
const namesOf = (form) => form.getAll('files').map((each) => each.name);
const stored = (names) => ({ files: names.map((name) => ({ name, status: 'stored', orthancPatientId: 'P' })) });

async function sent(files, send, signal = never) {
  const seen = [];
  await sendAll(files, send, (upload) => seen.push(upload), signal);
  return seen;
}

test('batches keep the order, and are neither large nor many', () => {
  const files = [1, 9, 9, 40, 1, 1].map((mib, at) => ({ file: { size: mib * MIB }, name: String(at) }));
  assert.deepEqual(batchesOf(files).map((batch) => batch.map(({ name }) => name).join('')), ['01', '2', '3', '45']);
  assert.deepEqual(batchesOf(Array.from({ length: 450 }, () => ({ file: { size: 1 } }))).map((batch) => batch.length), [200, 200, 50]);
  assert.deepEqual(batchesOf([]), []);
});

test('each file has its outcome, its path in the folder is its name, and progress ends at all of it', async () => {
  const seen = await sent([file('a/1.dcm'), file('notes.txt')], async (form) => {
    assert.deepEqual(namesOf(form), ['a/1.dcm', 'notes.txt']);
    return { files: [{ name: 'a/1.dcm', status: 'alreadyStored', orthancPatientId: 'P' }, { name: 'notes.txt', status: 'refused', reason: 'notDicom', detail: 'no DICOM' }] };
  });
  const last = seen.at(-1);
  assert.deepEqual(last.outcomes, [
    { name: 'a/1.dcm', status: 'alreadyStored', detail: '', patient: 'P' },
    { name: 'notes.txt', status: 'refused', detail: 'no DICOM', patient: '' },
  ]);
  assert.deepEqual([last.state, last.sentFiles, last.sentBytes], ['done', 2, 8]);
  assert.deepEqual([seen[0].state, seen[0].sentFiles], ['running', 0]);
});

test('where a batch is refused as a whole each of its files is tried alone', async () => {
  const refusal = Object.assign(new Error('too large'), { mayPass: false });
  const seen = await sent([file('1'), file('2'), file('3')], async (form) => {
    if (namesOf(form).includes('2')) {
      throw refusal;
    }
    return stored(namesOf(form));
  });
  assert.deepEqual(seen.at(-1).outcomes.map(({ name, status, detail }) => [name, status, detail]),
    [['1', 'stored', ''], ['2', 'notSent', 'too large'], ['3', 'stored', '']]);
});

test('a file that repeats one of an earlier batch names it', async () => {
  const files = Array.from({ length: 201 }, (_, at) => file(String(at)));
  const seen = await sent(files, async (form) => ({
    files: namesOf(form).map((name) => ({
      name, status: name === '200' ? 'alreadyStored' : 'stored', orthancInstanceId: name === '200' ? 'i7' : `i${name}`,
    })),
  }));
  assert.deepEqual(seen.at(-1).outcomes.filter((each) => each.duplicateOf).map((each) => [each.name, each.duplicateOf]), [['200', '7']]);
});

test('what may pass is tried again', async () => {
  let asked = 0;
  const seen = await sent([file('1')], async (form) => {
    asked += 1;
    if (asked === 1) {
      throw Object.assign(new Error('busy'), { mayPass: true });
    }
    return stored(namesOf(form));
  });
  assert.deepEqual([asked, seen.at(-1).outcomes[0].status], [2, 'stored']);
});

test('after a stop nothing more is sent, and each file that was not says so', async () => {
  const controller = new AbortController();
  const files = Array.from({ length: 201 }, (_, at) => file(String(at)));
  let asked = 0;
  const seen = await sent(files, async (form) => {
    asked += 1;
    controller.abort();
    return stored(namesOf(form));
  }, controller.signal);
  assert.equal(asked, 1);
  assert.deepEqual([seen.at(-1).state, seen.at(-1).outcomes.length, seen.at(-1).outcomes.at(-1).status], ['stopped', 201, 'notSent']);
});
