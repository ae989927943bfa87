/**
 * The tests of the shop. They need a Redis at REDIS_URL. The payment API is served on PAYMENT_PORT, and PAYMENT_URL is
 * how the shop gets there.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

// Tests need not wait as long as customers do.
process.env.SHOP_TIMEOUT ??= '0.5';
const { makeApp } = await import('../shared/app.js');
const { DECLINED_CARD, servePayments } = await import('./payments.js');

const CARD = '4242424242424242';
let app, payments, url;

before(async () => {
  payments = await servePayments(Number(process.env.PAYMENT_PORT ?? 9402));
  app = makeApp();
  await new Promise((resolve) => app.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${app.address().port}`;
});

after(() => {
  for (const server of [app, payments.server]) {
    server.close();
    server.closeAllConnections();
  }
});

async function get(path) {
  const reply = await fetch(url + path);
  assert.equal(reply.status, 200);
  return reply.json();
}

const post = (path, body) => fetch(url + path, { method: 'POST', body: JSON.stringify(body) });

async function buy(amount) {
  const reply = await post('/cards', { amount, card: CARD });
  assert.equal(reply.status, 201);
  return (await reply.json()).id;
}

test('a gift card is worth what was paid', async () => {
  const id = await buy(40);
  assert.deepEqual(await get(`/cards/${id}`), { balance: 40 });
  assert.deepEqual(await get(`/cards/${id}/in/EUR`), { balance: 50 });
  assert.deepEqual(await get(`/cards/${id}/history`), ['bought for 40']);
  assert.equal(payments.charges.filter((charge) => charge.id === id).length, 1);
});

test('a declined card buys nothing', async () => {
  const charged = payments.charges.length;
  const reply = await post('/cards', { amount: 50, card: DECLINED_CARD });
  assert.equal(reply.status, 402);
  assert.equal(payments.charges.length, charged);
});

test('nobody spends more than there is', async () => {
  const id = await buy(50);
  const reply = await post(`/cards/${id}/spend`, { amount: 20 });
  assert.equal(reply.status, 200);
  assert.deepEqual(await reply.json(), { left: 30 });
  const refused = await post(`/cards/${id}/spend`, { amount: 40 });
  assert.equal(refused.status, 409);
  assert.deepEqual(await get(`/cards/${id}`), { balance: 30 });
});
