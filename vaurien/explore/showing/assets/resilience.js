const { survived, tried, possible } = data.score;
const fresh = data.findings.filter((finding) => !finding.reason);
const accepted = data.findings.filter((finding) => finding.reason);

const plural = (number, noun) => (number === 1 ? `1 ${noun}` : `${number} ${noun}s`);

function describeSeconds(seconds) {
  if (seconds < 0.0995) return `${(1000 * seconds).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  return seconds < 0.9995 ? `${(1000 * seconds).toFixed(0)} ms` : `${seconds.toPrecision(3)} s`;
}

function makeHeader() {
  const mend = fresh.length ? `${plural(fresh.length, 'finding')} to mend` : 'Nothing to mend, as far as it was tried';
  const known = accepted.length ? `, ${accepted.length} accepted` : '';
  return make('header', {},
    make('h1', {}, data.title),
    make('p', { class: 'verdict' }, `${mend}${known}. Survived ${survived} of ${tried} faults, tried ${tried} of ${possible}.`),
    make('p', { class: 'dim' }, `${capitalize(data.tests)}, explored on ${data.when}.`),
    makeBar());
}

function makeFinding(finding) {
  return make('li', {},
    make('div', { class: 'badges' }, finding.outcomes.map(badge)),
    makePlaces(finding),
    make('p', {}, `${capitalize(finding.faults)}${finding.messages.length ? `: ${finding.messages.join('; ')}` : '.'}`),
    finding.remedy ? make('p', { class: 'remedy' }, finding.remedy) : '',
    finding.reason ? make('p', { class: 'accepted' }, `Accepted: ${finding.reason}`) : '',
    make('code', { class: 'replay code', title: 'Try it again' }, finding.replay));
}

const makeFindings = (title, findings) => make('section', {}, make('h2', {}, title),
  make('ol', { class: 'mend' }, findings.map(makeFinding)));

function makeSquare(square) {
  if (!square.possible) return make('td', {});
  const left = square.possible - square.tried;
  const share = square.tried ? `${square.survived}/${square.tried}` : '?';
  return make('td', {}, make('span', {
    class: `share ${square.outcome ? classOf(square.outcome) : 'untried'}`,
    title: square.outcome ? `the worst: ${square.outcome}` : 'not tried',
  }, share, left ? make('small', {}, `${left} not tried`) : ''));
}

function makeDependencies() {
  const shown = data.kinds.map((kind, i) => i).filter((i) => data.dependencies.some((one) => one.squares[i].possible));
  const heads = shown.map((i) => make('th', { scope: 'col', title: data.kinds[i].words }, data.kinds[i].name));
  const rows = data.dependencies.map((one) => make('tr', {},
    make('th', { scope: 'row' }, one.name, one.protocol === one.name ? '' : make('span', { class: 'dim' }, ` ${one.protocol}`)),
    shown.map((i) => makeSquare(one.squares[i]))));
  return make('section', {}, make('h2', {}, 'Faults survived, by dependency'),
    make('div', { class: 'wide', tabindex: '0' }, make('table', { class: 'dependencies' },
      make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'dependency'), heads)), make('tbody', {}, rows))));
}

function makeTimes() {
  const shown = data.dependencies.filter((one) => one.times.length > 1);
  const all = shown.flatMap((one) => one.times).flatMap((times) => times.dots.map((dot) => Math.max(dot.seconds, 1e-4)));
  if (!all.length) return '';
  const low = 10 ** Math.floor(Math.log10(Math.min(...all)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...all)) + 1e-9);
  const place = (seconds) => `${100 * Math.log(Math.max(seconds, 1e-4) / low) / Math.log(high / low)}%`;
  return make('section', {}, make('h2', {}, 'Time under a fault, beside clean'),
    shown.map((one) => makeTimesOf(one, low, high, place)));
}

function makeTimesOf(dependency, low, high, place) {
  const marks = [];
  for (let seconds = low; seconds <= high * 1.001; seconds *= 10) {
    const mark = make('span', {}, seconds < 0.9 ? `${Number((1000 * seconds).toPrecision(1))} ms` : `${Math.round(seconds)} s`);
    mark.style.left = place(seconds);
    marks.push(mark);
  }
  return make('div', { class: 'times' }, make('h3', {}, dependency.name),
    dependency.times.map((times) => makeLine(times, place)),
    make('div', { class: 'line', 'aria-hidden': 'true' }, make('span', {}), make('div', { class: 'scale' }, marks), make('span', {})));
}

function makeLine(times, place) {
  const dots = times.dots.map((dot, i) => {
    const element = make('span', { class: `dot ${classOf(dot.outcome)}`, title: `${describeSeconds(dot.seconds)} · ${dot.title}` });
    element.style.left = place(dot.seconds);
    element.style.top = `${3 + 4 * (i % 4)}px`;
    return element;
  });
  const middle = make('span', { class: 'middle' });
  middle.style.left = place(times.median);
  return make('div', { class: `line${times.kind === 'clean' ? ' is-clean' : ''}` },
    make('span', {}, times.kind),
    make('div', { class: 'track', 'aria-hidden': 'true' }, dots, middle),
    make('span', { class: 'number' }, `median ${describeSeconds(times.median)}, most ${describeSeconds(times.most)}`));
}

const makeList = (title, lines) => (lines.length ? make('section', { class: 'left' }, make('h2', {}, title),
  make('ul', {}, lines.map((line) => make('li', {}, line)))) : '');

document.body.append(make('main', { class: 'page' }, makeHeader(),
  fresh.length ? makeFindings('To mend, the worst first', fresh) : '',
  makeDependencies(), makeTimes(),
  makeList('Not explored', data.problems), makeList('Not tried', data.untried),
  accepted.length ? makeFindings('Accepted', accepted) : '',
  make('footer', { class: 'dim' }, `Vaurien ${data.version}`)));
