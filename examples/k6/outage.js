// Does the shop hold its promises under load while its stock service fails? k6 arms behaviors over the control API.
//
//     vaurien --server --config vaurien.toml        with a proxy `stock` between the shop and the stock service
//     k6 run -e SHOP_URL=http://localhost:5000 outage.js
//
// The faults begin 20 seconds after the load. Thresholds tell the time before from the time with faults.
import http from 'k6/http';
import { check, sleep } from 'k6';

const SHOP = __ENV.SHOP_URL || 'http://localhost:5000';
const PROXY = `${__ENV.VAURIEN_URL || 'http://localhost:8474'}/proxies/${__ENV.PROXY || 'stock'}`;
const HEADERS = { 'Content-Type': 'application/json', Authorization: `Bearer ${__ENV.VAURIEN_TOKEN || ''}` };

export const options = {
  scenarios: {
    before: { executor: 'constant-vus', exec: 'visit', vus: 10, duration: '20s' },
    outage: { executor: 'per-vu-iterations', exec: 'outage', vus: 1, iterations: 1, startTime: '20s' },
    during: { executor: 'constant-vus', exec: 'visit', vus: 10, duration: '20s', startTime: '20s' },
  },
  thresholds: {
    'checks{scenario:before}': ['rate>0.999'],
    'checks{scenario:during}': ['rate>0.99'],
    'http_req_duration{scenario:during}': ['p(95)<1000'],
  },
};

export function visit() {
  check(http.get(SHOP), { 'the shop answers': (answer) => answer.status === 200 });
}

export function outage() {
  arm('20:error(code=503),10:delay(sleep=2s)');
  sleep(20);
  const { fault } = http.post(`${PROXY}/faults/take`, null, { headers: HEADERS }).json();
  check(fault, { 'there were faults': (taken) => taken !== null });
}

// Whatever has happened, nothing stays armed.
export function teardown() {
  arm('dummy');
}

function arm(behavior) {
  const answer = http.put(`${PROXY}/behavior`, JSON.stringify({ behavior }), { headers: HEADERS });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`);
}
