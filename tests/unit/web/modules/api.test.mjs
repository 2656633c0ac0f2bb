import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { Api } = await load('shared/api.js');

test('what is asked for has no login in its address, also where the page was opened by one', async () => {
  const asked = [];
  const before = { location: globalThis.location, fetch: globalThis.fetch };
  globalThis.location = { href: 'http://ann:secret@pacs.example/pacs/imaging/app/', origin: 'http://pacs.example' };
  globalThis.fetch = async (input) => {
    asked.push(String(input));
    return new Response('{"jobs": []}', { headers: { 'Content-Type': 'application/json' } });
  };
  try {
    await new Api({ prefix: '/pacs', root: '/imaging' }).ask('/jobs');
  } finally {
    Object.assign(globalThis, before);
  }
  assert.deepEqual(asked, ['http://pacs.example/pacs/imaging/jobs']);
});
