// Toxics through toxiproxy-node-client, behaviors through vaurien.mjs, for a backend that speaks HTTP:
//
//     npm install toxiproxy-node-client
//     vaurien --server
//     node example.mjs localhost:80

import assert from 'node:assert/strict';
import { Toxiproxy } from 'toxiproxy-node-client';
import { Vaurien } from './vaurien.mjs';

const vaurien = new Vaurien();
const toxiproxy = new Toxiproxy(vaurien.url);
const upstream = process.argv[2];

// To Toxiproxy's client, `protocol` is one more field. Behaviors need it.
const proxy = await toxiproxy.createProxy({ name: 'node', listen: 'localhost:0', upstream, protocol: 'http' });
const url = `http://${proxy.listen}/`;
try {
  await proxy.addToxic({ name: 'late', type: 'latency', stream: 'downstream', toxicity: 1, attributes: { latency: 10 } });
  assert.notEqual((await fetch(url)).status, 503);

  await vaurien.withBehavior('node', "error(match='GET *', code=503)", async () => {
    assert.equal((await fetch(url)).status, 503);
    const fault = await vaurien.waitForFault('node');
    assert.deepEqual([fault.behavior, fault.request], ['error', 'GET /']);
  });
  assert.equal(await vaurien.getBehavior('node'), 'dummy');
  await assert.rejects(vaurien.setBehavior('node', 'eror'), /did you mean 'error'/);
} finally {
  await proxy.remove();
}
console.log('all is as it should be');
