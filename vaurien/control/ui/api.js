/** Requests to the control API. Where a token is needed, it is asked for once, and kept in this tab. */

const KEY = 'vaurien-token';
/** Asks for the token, and returns a promise of it. */
let ask = async () => null;
let asked = null;

export function onTokenNeeded(asking) {
  ask = asking;
}

/** Return the response to a request; throw an Error if nobody answers. After a 401, ask for the token and try again. */
export async function request(method, path, body, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const response = await fetch(path, {
    ...options,
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { 'X-Vaurien-Page': '1', ...(token === null ? {} : { Authorization: `Bearer ${token}` }) },
  }).catch(() => { throw new Error('not connected: the process has ended, or cannot be reached'); });
  if (response.status !== 401) return response;
  // Whatever else waits for the token waits for the same answer.
  asked ??= ask(token !== null).finally(() => { asked = null; });
  sessionStorage.setItem(KEY, await asked);
  return request(method, path, body, options);
}

/** Return what the API answers; throw an Error with its words, see `read`. */
export async function call(method, path, body) {
  const response = await request(method, path, body);
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  throw read(text, response);
}

/**
 * Return the Error that an answer stands for: in Vaurien's form, or in Toxiproxy's, which begins with the path. If it
 * is about something in the body, its `path` leads there. Its `status` is that of the response.
 */
function read(text, { status, statusText }) {
  let answer = {};
  try { answer = JSON.parse(text); } catch { answer = { error: text || statusText }; }
  const [first] = answer.errors ?? [];
  const [, path, words] = /^bad request body: (?:([\w.]+): )?(.*)$/s.exec(answer.error) ?? [];
  return Object.assign(
    new Error(first?.description ?? words ?? answer.error),
    { status, path: first?.location === 'body' ? first.name : path },
  );
}

export const pathOf = (proxy, rest = '') => `/proxies/${encodeURIComponent(proxy)}${rest}`;
