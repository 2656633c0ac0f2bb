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

const LIMITED = '{"code": "rateLimited", "title": "Too many", "detail": "more than 3 a minute", "status": 503}';
/** A server that refuses so many requests, each for so many seconds. */
function limited(times, body, retryAfter) {
  const asked = [];
  const fetcher = async (address, init) => {
    asked.push([String(address), init.method, init.body]);
    return asked.length <= times
      ? new Response(body, { status: 503, headers: { 'Retry-After': retryAfter } })
      : new Response('{"id": 1}');
  };
  return { asked, api: new Api({ prefix: '', root: '/imaging' }, fetcher) };
}

for (const [who, body] of [['the plugin', LIMITED], ['a proxy', '<html>503 Service Temporarily Unavailable']]) {
  test(`what ${who} limits is sent again after the wait that it names, unchanged`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { api, asked } = limited(2, body, '7');
    const answer = api.ask('/jobs', { body: { a: 1 } });
    for (const count of [1, 2]) {
      await settled();
      assert.equal(asked.length, count);
      t.mock.timers.tick(6_999);
      await settled();
      assert.equal(asked.length, count, 'before the time');
      t.mock.timers.tick(1);
    }
    assert.deepEqual(await answer, { id: 1 });
    assert.deepEqual(asked, Array(3).fill(['/imaging/jobs', 'POST', '{"a":1}']));
  });
}

test('a server that never lets it in is asked ten times, and whoever leaves waits no longer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { api, asked } = limited(Infinity, LIMITED, '3600');
  const failed = assert.rejects(api.ask('/jobs'), { code: 'rateLimited', status: 503, mayPass: true });
  for (let count = 1; count < 10; count += 1) {
    await settled();
    t.mock.timers.tick(15_000);
  }
  await failed;
  assert.equal(asked.length, 10);
  const life = new AbortController();
  const left = assert.rejects(api.ask('/jobs', { signal: life.signal }), { name: 'AbortError' });
  await settled();
  life.abort();
  await left;
  assert.equal(asked.length, 11);
});

/** Everything that can go on without time has. */
async function settled() {
  for (let turn = 0; turn < 50; turn += 1) {
    await Promise.resolve();
  }
  await new Promise((resolve) => setImmediate(resolve));
}
