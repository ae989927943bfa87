// Requests as k6 makes them: the function returns when the answer is there.
import { execFileSync } from 'node:child_process';

function request(method, url, body, { headers = {} } = {}) {
  const given = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const data = body ? ['--data-binary', body] : [];
  const said = execFileSync('curl', ['-sS', '-X', method, ...given, ...data, '-w', '\n%{http_code}', url]).toString();
  const end = said.lastIndexOf('\n');
  return { status: Number(said.slice(end)), body: said.slice(0, end), json: () => JSON.parse(said.slice(0, end)) };
}

export default {
  get: (url, options) => request('GET', url, null, options),
  post: (url, body, options) => request('POST', url, body, options),
  put: (url, body, options) => request('PUT', url, body, options),
};
