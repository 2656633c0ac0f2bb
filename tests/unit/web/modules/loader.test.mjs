import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

const { FrameLoader, SEEN, AHEAD } = await load('timeline/render/loader.js');
const { ByteCache } = await load('timeline/render/lru.js');

function npy() {
  const file = new Uint8Array(128 + 8);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  file.set(new TextEncoder().encode("{'descr': '<i2', 'fortran_order': False, 'shape': (2,2,1), }".padEnd(117) + '\n'), 10);
  return file.buffer;
}

/** A server that answers when it is told to. */
function slowServer() {
  const asked = [];
  const request = (address, { signal }) => new Promise((resolve, reject) => {
    asked.push({ address, signal, answer: () => resolve(new Response(npy())), fail: reject });
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  return { asked, request };
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
const never = new AbortController().signal;

test('six requests at once, and what is seen goes first', async () => {
  const { asked, request } = slowServer();
  const loader = new FrameLoader(request);
  const ahead = Array.from({ length: 8 }, (_, at) => loader.load(`ahead${at}`, never, AHEAD));
  const seen = loader.load('seen', never, SEEN);
  assert.equal(asked.length, 6);
  asked[0].answer();
  await ahead[0];
  await settled();
  assert.equal(asked[6].address, 'seen');
  asked[6].answer();
  assert.equal((await seen).rows, 2);
});

test('one request for all who wait; it ends when the last of them leaves', async () => {
  const { asked, request } = slowServer();
  const loader = new FrameLoader(request);
  const [one, other] = [new AbortController(), new AbortController()];
  const first = loader.load('a', one.signal);
  const second = loader.load('a', other.signal);
  assert.equal(asked.length, 1);
  one.abort();
  await assert.rejects(first, { name: 'AbortError' });
  assert.equal(asked[0].signal.aborted, false);
  other.abort();
  await assert.rejects(second, { name: 'AbortError' });
  assert.equal(asked[0].signal.aborted, true);
  const again = loader.load('a', never);
  await settled();
  assert.equal(asked.length, 2);
  asked[1].answer();
  await again;
  await loader.load('a', never);
  assert.equal(asked.length, 2);
});

test('a failure is told to all and is not kept', async () => {
  const { asked, request } = slowServer();
  const loader = new FrameLoader(request);
  const first = loader.load('a', never);
  asked[0].fail(new Error('gone'));
  await assert.rejects(first, /gone/);
  const second = loader.load('a', never);
  asked[1].answer();
  await second;
});

test('the cache holds no more bytes than it may, and forgets what was used longest ago', () => {
  const cache = new ByteCache(100);
  cache.set('a', 1, 40);
  cache.set('b', 2, 40);
  assert.equal(cache.get('a'), 1);
  cache.set('c', 3, 40);
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3]);
  assert.equal(cache.bytes, 80);
  cache.set('large', 4, 1000);
  assert.deepEqual([cache.get('a'), cache.get('large'), cache.bytes], [undefined, 4, 1000]);
});
