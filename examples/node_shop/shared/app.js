/** The doors of the shop: gift cards are bought, spent and looked at. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

import { charge, Declined } from '#shop/charging';
import { balanceOf, setBalance, spend } from './balances.js';
import { note, notes } from '#shop/history';
import { rate } from '#shop/rates';
import { makeRedis } from './redis.js';

/** What the doors are, as patterns of method and path. */
function makeRoutes(redis) {
  return [
    [/^POST \/cards$/, async (_, { amount, card }) => {
      const id = randomUUID();
      await charge(id, amount, card);
      await setBalance(redis, id, amount);
      await note(redis, id, `bought for ${amount}`);
      return [201, { id }];
    }],
    [/^GET \/cards\/([\w-]+)$/, async ([id]) => [200, { balance: await balanceOf(redis, id) }]],
    [/^GET \/cards\/([\w-]+)\/in\/([A-Z]{3})$/, async ([id, currency]) => {
      const balance = await balanceOf(redis, id);
      return [200, { balance: balance * (await rate(currency)) }];
    }],
    [/^GET \/cards\/([\w-]+)\/history$/, async ([id]) => [200, await notes(redis, id)]],
    [/^POST \/cards\/([\w-]+)\/spend$/, async ([id], { amount }) => {
      const left = await spend(redis, id, amount);
      return left < 0 ? [409, { error: 'not enough' }] : [200, { left }];
    }],
  ];
}

/** Return a server that is not listening yet. */
export function makeApp() {
  const redis = makeRedis();
  const routes = makeRoutes(redis);

  async function answer(request) {
    const body = request.method === 'POST' ? await json(request) : undefined;
    for (const [pattern, handle] of routes) {
      const match = pattern.exec(`${request.method} ${request.url}`);
      if (match) return handle(match.slice(1), body);
    }
    return [404, { error: 'no such page' }];
  }

  const server = createServer(async (request, response) => {
    const [status, reply] = await answer(request).catch((error) =>
      error instanceof Declined ? [402, { error: 'card declined' }] : [503, { error: 'try again later' }]);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(reply));
  });
  server.on('close', () => redis.disconnect());
  return server;
}
