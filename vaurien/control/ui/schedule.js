/** The schedule: run one, watch how far it has come, set marks, stop it. */

import { mark, run, stop } from '/ui/acts.js';
import { call } from '/ui/api.js';
import { makeSchedule } from '/ui/export.js';
import { Component, html } from '/ui/html.js';
import { store } from '/ui/store.js';
import { formatSpan } from '/ui/units.js';
import { Wrong } from '/ui/wrong.js';

/** Milliseconds between two looks at it, while it runs and while none does. */
const PERIOD = 1000;

/** Return what to begin with: a step for the first proxy. */
function makeExample() {
  const [proxy] = Object.keys(store.states).sort();
  return { steps: [{ at: '5s', for: '10s', proxy, behavior: '50:delay(sleep=0.2)' }] };
}

const write = (schedule) => JSON.stringify(schedule, null, 2);

export class Schedule extends Component {
  /** The text is null as long as nobody has changed it: what fits depends on the proxies that there are. */
  state = { status: null, text: null, mark: '', error: null };

  get text() { return this.state.text ?? write(makeExample()); }

  componentDidMount() { this.look(); }

  componentWillUnmount() { clearTimeout(this.timer); }

  async look() {
    clearTimeout(this.timer);
    try {
      this.setState({ status: await call('GET', '/schedule') });
    } catch { /* the process is gone: the page says so elsewhere */ }
    this.timer = setTimeout(() => this.look(), PERIOD);
  }

  async run(event) {
    event.preventDefault();
    try {
      await run(JSON.parse(this.text));
      this.setState({ error: null });
    } catch (error) {
      this.setState({ error });
    }
    this.look();
  }

  /** Put what was done here until now into the form. */
  fill() {
    const schedule = makeSchedule();
    if (schedule.steps.length) this.setState({ text: write(schedule), error: null });
    else this.setState({ error: new Error('nothing was armed in the last 15 minutes') });
  }

  renderStatus(status) {
    if (!status || status.status === 'none') return html`<p class="dim">None has run.</p>`;
    const { seconds, next, active, changes, failures } = status;
    return html`<p><strong>${status.status}</strong> ${status.status === 'running' ? formatSpan(seconds) : ''} · ${changes} changes${failures ? html`, <span class="bad">${failures} failed</span>` : ''}
        ${active.length > 0 && ` · now: step ${active.map((i) => i + 1).join(', ')}`}</p>
      ${next && html`<p class="code">in ${formatSpan(next.seconds - seconds)}: ${next.change}</p>`}`;
  }

  render(props, { status, mark: name, error }) {
    const isRunning = status?.status === 'running';
    return html`<section id="schedule" class="card" aria-label="Schedule"><header class="bar"><h2>Schedule</h2>
        ${isRunning && html`<span class="end"><button type="button" onClick=${() => stop().then(() => this.look())}>Stop</button></span>`}</header>
      <div role="status">${this.renderStatus(status)}</div>
      ${isRunning && Object.keys(status.marks).length > 0 && html`<p class="dim">marks: ${Object.keys(status.marks).join(', ')}</p>`}
      ${isRunning && html`<form class="bar" onSubmit=${(event) => { event.preventDefault(); mark(name); }}>
        <input type="text" aria-label="Name of a mark" placeholder="deploy" required value=${name} onInput=${(event) => this.setState({ mark: event.currentTarget.value })}/><button>Mark</button></form>`}
      <details><summary>${isRunning ? 'Run another one' : 'Run one'}</summary><form onSubmit=${(event) => this.run(event)}>
        <textarea rows="8" aria-label="Schedule in JSON" spellcheck=${false} value=${this.text} onInput=${(event) => this.setState({ text: event.currentTarget.value })}></textarea>
        <${Wrong} error=${error}/>
        <div class="bar"><button class="main">Run</button><button type="button" onClick=${() => this.fill()}>Fill with what was armed here</button></div></form></details>
    </section>`;
  }
}
