// Arms behaviors of Vaurien, beside a client of Toxiproxy, which does the rest. It needs Node.js 18 or later.
//
//     const vaurien = new Vaurien();
//     await vaurien.withBehavior('redis', "error(match='SET *')", async () => { … });

/** A client of the control API. Every call rejects with an Error that has the API's text if the API rejects it. */
export class Vaurien {
  constructor(url = process.env.VAURIEN_URL ?? 'http://localhost:8474', token = process.env.VAURIEN_TOKEN) {
    this.url = url.replace(/\/$/, '');
    this.headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  }

  /** Arm one behavior, or several by weight, with options: `20:error,10:delay(match="GET *", sleep=200ms)`. */
  async setBehavior(proxy, behavior) {
    await this.call('PUT', proxy, 'behavior', { behavior });
  }

  /** Return what is armed, in the text that arms it. */
  async getBehavior(proxy) {
    return (await this.call('GET', proxy, 'behavior')).behavior;
  }

  /** Arm a behavior for the time of a function; then arm again what was armed before. */
  async withBehavior(proxy, behavior, run) {
    const before = (await this.call('GET', proxy, 'status')).behaviors;
    await this.setBehavior(proxy, behavior);
    try {
      return await run();
    } finally {
      const behaviors = before.map((rule) => ({ ...rule.options, name: rule.name, percent: rule.percent }));
      await this.call('PUT', proxy, 'behavior', before.length ? { behaviors } : { behavior: 'dummy' });
    }
  }

  /** Return the next fault since behaviors were last armed: { behavior, request, … }. Wait for it if there is none. */
  async waitForFault(proxy, seconds = 5) {
    for (const deadline = Date.now() + 1000 * seconds; Date.now() < deadline; ) {
      const { fault } = await this.call('POST', proxy, 'faults/take');
      if (fault) return fault;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no fault within ${seconds} s`);
  }

  async call(method, proxy, path, body) {
    const url = `${this.url}/proxies/${encodeURIComponent(proxy)}/${path}`;
    const answer = await fetch(url, { method, headers: this.headers, body: body && JSON.stringify(body) });
    const content = await answer.json();
    if (answer.ok) return content;
    throw new Error(content.error ?? content.errors.map((error) => `${error.name}: ${error.description}`).join('; '));
  }
}
