// What people do with toxiproxy-node-client: node scenarios.js SCENARIO API BACKEND PORT
//
// API: the URL of a server without proxies. BACKEND: the host:port of one that sends back what arrives. PORT: a free one.

const assert = require('node:assert/strict');
const { createRequire } = require('node:module');
const net = require('node:net');
const path = require('node:path');

const { Toxiproxy } = createRequire(path.join(process.cwd(), 'package.json'))('toxiproxy-node-client');

const ATTRIBUTES = {
  bandwidth: { rate: 1000 },
  corrupt: { probability: 0.5 },
  duplicate: { probability: 0.5 },
  latency: { latency: 100, jitter: 10 },
  limit_data: { bytes: 1000 },
  noop: {},
  packet_loss: { loss_rate: 0.25, correlation: 0.5 },
  reset_peer: { timeout: 100 },
  slicer: { average_size: 100, size_variation: 10, delay: 1000 },
  slow_close: { delay: 100 },
  timeout: { timeout: 100 },
};

const [scenario, api, backend, port] = process.argv.slice(2);
const toxiproxy = new Toxiproxy(api);

// What comes back to a word, empty if the connection ends; null where nobody listens.
function say(listen, word) {
  return new Promise((resolve) => {
    const socket = net.connect(Number(listen.split(':').pop()), '127.0.0.1');
    let heard = '';
    socket.on('connect', () => socket.end(word));
    socket.on('data', (data) => (heard += data));
    socket.on('error', (error) => resolve(error.code === 'ECONNREFUSED' ? null : heard));
    socket.on('close', () => resolve(heard));
  });
}

function fails(promise, status) {
  return assert.rejects(promise, { message: `Request failed with status code ${status}` });
}

function createEcho() {
  return toxiproxy.createProxy({ name: 'echo', listen: 'localhost:0', upstream: backend });
}

const scenarios = {
  async version() {
    assert.deepEqual(JSON.parse(await toxiproxy.getVersion()), { version: '2.13.0' });
  },

  async proxies() {
    const proxy = await createEcho();
    assert.match(proxy.listen, /^127\.0\.0\.1:[1-9]\d*$/);
    assert.deepEqual((await toxiproxy.get('echo')).toJson(), proxy.toJson());
    assert.deepEqual(Object.keys(await toxiproxy.getAll()), ['echo']);
    assert.equal(await say(proxy.listen, 'hello'), 'hello');
    await fails(createEcho(), 409);
    await fails(toxiproxy.get('none'), 404);
    await fails(toxiproxy.createProxy({ name: 'bad', listen: 'bad', upstream: backend }), 500);
    await proxy.remove();
    await fails(proxy.remove(), 404);
    assert.equal(await say(proxy.listen, 'hello'), null);
    assert.deepEqual(await toxiproxy.getAll(), {});
  },

  async enabling() {
    const proxy = await createEcho();
    const { listen, upstream } = proxy;
    const disabled = await proxy.update({ enabled: false, listen, upstream });
    assert.deepEqual(disabled.toJson(), { ...proxy.toJson(), enabled: false });
    assert.equal(await say(listen, 'hello'), null);
    const enabled = await disabled.update({ enabled: true, listen, upstream });
    assert.deepEqual(enabled.toJson(), proxy.toJson());
    assert.equal(await say(listen, 'hello'), 'hello');
  },

  async toxics() {
    const proxy = await createEcho();
    for (const [type, attributes] of Object.entries(ATTRIBUTES)) {
      const added = await proxy.addToxic({ type, attributes });
      const expected = { name: `${type}_downstream`, type, stream: 'downstream', toxicity: 1, attributes };
      assert.deepEqual(added.toJson(), expected);
      const own = await proxy.addToxic({ name: 'own', type, stream: 'upstream', toxicity: 0.3, attributes });
      assert.deepEqual((await proxy.getToxic('own')).toJson(), own.toJson());
      const changed = await own.update({ toxicity: 0.1, attributes });
      assert.deepEqual(changed.toJson(), { ...own.toJson(), toxicity: 0.1 });
      await fails(proxy.addToxic({ name: 'own', type, attributes }), 409);
      await own.remove();
      await fails(own.remove(), 404);
      await added.remove();
    }
    await fails(proxy.addToxic({ type: 'none', attributes: {} }), 400);
    await proxy.addToxic({ type: 'limit_data', attributes: { bytes: 3 } });
    assert.equal(await say(proxy.listen, 'hello'), 'hel');
  },

  async populate() {
    const body = [
      { name: 'a', listen: 'localhost:0', upstream: backend },
      { name: 'b', listen: `0.0.0.0:${port}`, upstream: backend },
    ];
    const { a, b } = await toxiproxy.populate(body);
    assert.equal(await say(a.listen, 'hello'), 'hello');
    assert.equal(await say(b.listen, 'hello'), 'hello');
    assert.deepEqual((await toxiproxy.populate(body)).b.toJson(), b.toJson());
    assert.deepEqual(Object.keys(await toxiproxy.getAll()), ['a', 'b']);
    assert.deepEqual(await toxiproxy.populate([]), {});
  },

  async reset() {
    const proxy = await createEcho();
    await proxy.addToxic({ type: 'latency', attributes: { latency: 100_000 } });
    await proxy.update({ enabled: false, listen: proxy.listen, upstream: backend });
    await toxiproxy.reset();
    assert.equal(await say(proxy.listen, 'hello'), 'hello');
    await fails(proxy.getToxic('latency_downstream'), 404);
  },

  // What @testcontainers/toxiproxy does in createProxy, and in setEnabled of what that returns.
  async container() {
    const ports = Object.values(await toxiproxy.getAll()).map((proxy) => proxy.listen.split(':').pop());
    assert.deepEqual(ports, []);
    const listen = `0.0.0.0:${port}`;
    const proxy = await toxiproxy.createProxy({ name: 'echo', upstream: backend, listen });
    const setEnabled = (enabled) => proxy.update({ enabled, listen, upstream: backend });
    assert.ok(proxy.listen.endsWith(`:${port}`));
    for (let round = 0; round < 3; round += 1) {
      assert.equal((await setEnabled(false)).enabled, false);
      assert.equal(await say(listen, 'hello'), null);
      assert.equal((await setEnabled(true)).listen, proxy.listen);
      assert.equal(await say(listen, 'hello'), 'hello');
    }
    const toxic = await proxy.addToxic({
      name: 'down',
      type: 'limit_data',
      stream: 'upstream',
      toxicity: 1,
      attributes: { bytes: 2 },
    });
    assert.equal((await setEnabled(true)).enabled, true);
    assert.equal(await say(listen, 'hello'), '');
    await toxic.remove();
    assert.equal(await say(listen, 'hello'), 'hello');
  },
};

if (scenario) {
  scenarios[scenario]();
} else {
  console.log(Object.keys(scenarios).join('\n'));
}
