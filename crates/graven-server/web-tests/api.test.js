// How the page asks the server: answers, refusals, and events as they come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, logIn, openWindow, serve } from './support/page.js';

test('asking', async (t) => {
  const server = await serve(t, []);
  const texts = ['a', 'é\nb', 'data: x\n\nevent: y', '𝕏'.repeat(3_000)];
  const entries = texts.map((text) => ({ category: 'k8s', action: 'x', outcome: 'success', reason: text }));
  assert.equal((await server.api('trails/main/entries', { method: 'POST', body: entries })).status, 201);
  const chrome = await browser(t);
  const { page, fine } = await openWindow(chrome, {}, [/status of (400|404|422)/]);
  await logIn(page, server, '?trail=main&q=category:k8s');

  await t.test('a refusal has its name, its words and its place', async () => {
    const refusals = await page.evaluate(async () => {
      const { ask, send } = await import('/assets/api.js');
      const caught = async (asked) =>
        asked.then(
          () => null,
          ({ kind, status, message, place }) => ({ kind, status, hasWords: message.length > 10, place }),
        );
      return [
        await caught(ask('trails/main/entries', { q: 'outcom:x' })),
        await caught(ask('trails/nope')),
        await caught(send('POST', 'tokens', { role: 'king' })),
        await caught(
          ask('trails', {}, AbortSignal.abort()).catch((error) => {
            throw { kind: error.name, status: -1, message: 'it was given up', place: null };
          }),
        ),
      ];
    });
    assert.deepEqual(
      refusals.map(({ kind, status, hasWords }) => [kind, status, hasWords]),
      [
        ['bad-query', 400, true],
        ['unknown-trail', 404, true],
        ['not-a-token', 422, true],
        ['AbortError', -1, true],
      ],
    );
    assert.deepEqual(refusals[0].place, [0, 6]);
  });

  await t.test('a stream has each event once, goes on behind an id, and stops when it is told', async () => {
    const [all, rest] = await page.evaluate(async (count) => {
      const { events } = await import('/assets/api.js');
      const take = async (parameters, after, many) => {
        const control = new AbortController();
        const found = [];
        for await (const one of events('trails/main/stream', parameters, { signal: control.signal, after })) {
          if (one.event !== 'entry') continue;
          found.push({ id: one.id, reason: JSON.parse(one.data).entry.reason });
          if (found.length === many) break;
        }
        control.abort();
        return found;
      };
      const all = await take({ q: 'category:k8s', after: -1 }, undefined, count);
      return [all, await take({ q: 'category:k8s' }, all[1].id, count - 2)];
    }, texts.length);
    assert.deepEqual(
      all.map(({ reason }) => reason),
      texts,
    );
    assert.deepEqual(rest, all.slice(2));
  });
  fine();
});
