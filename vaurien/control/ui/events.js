/** The stream of `GET /events`, read by `fetch`: an `EventSource` cannot send a token. */

import { request } from '/ui/api.js';

/** Seconds until the next attempt, after each that has failed. */
const PAUSES = [0.5, 1, 2, 5];

/**
 * Call `receive(name, data)` for every event, for ever, and `report(isConnected)` when the stream begins and ends. Before
 * it begins, `prepare()` is waited for: it may be another process than before.
 */
export async function follow(prepare, receive, report) {
  for (let failures = 0; ; failures += 1) {
    try {
      await prepare();
      const response = await request('GET', '/events');
      if (!response.ok) throw new Error(response.statusText);
      report(true);
      for await (const event of read(response.body)) {
        failures = 0;
        receive(event.name, event.data);
      }
    } catch { /* the process has ended, or the connection: it is tried again */ }
    report(false);
    const seconds = PAUSES[Math.min(failures, PAUSES.length - 1)];
    await new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); });
  }
}

/** Yield the events of a stream of bytes. */
async function* read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2)));
      if (fields.event) yield { name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
