/** A small payment API, as the bank's sandbox is: it charges cards, once for each Idempotency-Key. */
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

export const DECLINED_CARD = '4000000000000002';

/** Serve the payment API; return the server, and the charges that it has made. */
export async function servePayments(port) {
  const charges = [];
  const known = new Map();

  async function answer(request) {
    if (request.url === '/rates/EUR') return [200, { rate: 1.25 }];
    if (request.url !== '/charges') return [404, {}];
    const body = await json(request);
    if (body.card === DECLINED_CARD) return [402, { error: 'card declined' }];
    const key = request.headers['idempotency-key'];
    if (known.has(key)) return [201, known.get(key), { 'Idempotent-Replayed': 'true' }];
    const charge = { number: charges.push(body) };
    if (key) known.set(key, charge);
    return [201, charge];
  }

  const server = createServer(async (request, response) => {
    const [status, reply, headers] = await answer(request);
    const content = JSON.stringify(reply);
    response.writeHead(status, { 'Content-Length': Buffer.byteLength(content), ...headers }).end(content);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, charges };
}
