/** Requests to the control API. Where a token is needed, it is asked for once, and kept in this tab. */

const KEY = 'vaurien-token';
/** Asks for the token, and returns a promise of it. */
let ask = async () => null;
let asked = null;

export function onTokenNeeded(asking) {
  ask = asking;
}

/** Return the response to a request. After a 401, ask for the token and try again. */
export async function request(method, path, body, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const response = await fetch(path, {
    ...options,
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { 'X-Vaurien-Page': '1', ...(token === null ? {} : { Authorization: `Bearer ${token}` }) },
  });
  if (response.status !== 401) return response;
  // Whatever else waits for the token waits for the same answer.
  asked ??= ask(token !== null).finally(() => { asked = null; });
  sessionStorage.setItem(KEY, await asked);
  return request(method, path, body, options);
}

/** Return what the API answers; throw an Error with its words, whose `field` is the path of what is wrong. */
export async function call(method, path, body) {
  const response = await request(method, path, body);
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  throw read(text, response);
}

/** Return the Error that an answer stands for: in Vaurien's form, or in Toxiproxy's. */
function read(text, response) {
  let answer = {};
  try { answer = JSON.parse(text); } catch { answer = { error: text || response.statusText }; }
  const [first] = answer.errors ?? [];
  const error = new Error(first ? [first.name, first.description].filter(Boolean).join(': ') : answer.error);
  error.field = first?.name ?? '';
  return error;
}

export const pathOf = (proxy, rest = '') => `/proxies/${encodeURIComponent(proxy)}${rest}`;
