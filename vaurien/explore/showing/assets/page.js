const outcomes = new Map(data.outcomes.map((outcome) => [outcome.name, outcome]));
const chosen = new Set();

function makeHeader() {
  const { survived, tried, possible } = data.score;
  const filters = data.outcomes.map((outcome) => make('button', {
    class: classOf(outcome.name), title: outcome.words, 'aria-pressed': 'false', 'data-outcome': outcome.name,
    onclick: (event) => toggle(outcome.name, event.currentTarget),
  }, make('span', { class: 'letter', 'aria-hidden': 'true' }, outcome.letter), outcome.name,
  make('span', { class: 'number' }, String(outcome.count))));
  if (possible > tried) {
    const number = make('span', { class: 'number' }, String(possible - tried));
    filters.push(make('span', { class: 'untried' }, '?', ' not tried', number));
  }
  const untried = data.untried.length ? `; not tried: ${data.untried.join(', ')}` : '';
  return make('header', {},
    make('h1', {}, `Survived ${survived} of ${tried} faults`),
    make('p', { class: 'dim' }, `Tried ${tried} of ${possible} in ${data.tests}${untried}.`),
    makeBar(),
    make('div', { class: 'filters', role: 'group', 'aria-label': 'Show only' }, filters));
}

function toggle(outcome, button) {
  if (!chosen.delete(outcome)) chosen.add(outcome);
  button.setAttribute('aria-pressed', String(chosen.has(outcome)));
  document.body.classList.toggle('is-filtered', chosen.size > 0);
  const fits = (element) => element.dataset.outcomes.split(',').some((name) => chosen.has(name));
  for (const element of document.querySelectorAll('[data-outcomes]')) element.classList.toggle('is-shown', fits(element));
  for (const element of document.querySelectorAll('.row, .test')) {
    element.classList.toggle('is-shown', element.querySelector('.is-shown[data-outcomes]') !== null);
  }
}

function makeTest(test) {
  const notes = [];
  if (test.problem) notes.push(`Not explored: ${test.problem}`);
  else if (!test.rows.length) notes.push('Nothing to explore: the application asked nothing.');
  else notes.push(`Survived ${test.score.survived} of ${test.score.tried}, tried ${test.score.tried} of ${test.score.possible}.`);
  if (test.own) notes.push(`Left alone ${test.own} of the test’s own requests.`);
  if (test.apart) notes.push(`${capitalize(test.apart)}.`);
  if (!test.isStable) notes.push('Its requests are not the same in each run.');
  return make('section', { class: 'test' },
    make('h2', { class: 'code' }, test.name),
    make('p', { class: 'notes' }, notes.join(' ')),
    test.rows.length ? makeMatrix(test) : '');
}

function makeMatrix(test) {
  const heads = data.kinds.map((kind) => make('th', { scope: 'col', title: kind.words }, make('span', {}, kind.name)));
  let proxy = '';
  const rows = test.rows.map((row) => {
    const isSame = row.proxy === proxy;
    proxy = row.proxy;
    return make('tr', { class: 'row' },
      make('th', { scope: 'row' }, make('div', { class: 'asked' },
        make('span', { class: isSame ? 'proxy is-same' : 'proxy', title: row.proxy }, row.proxy),
        make('span', { class: 'request code', title: row.request }, `${row.request} ${row.number}`.trim()),
        make('span', { class: 'where code', title: row.where }, row.where))),
      row.squares.map((square, i) => make('td', {}, makeSquare(row, square, data.kinds[i].name))));
  });
  return make('table', { class: 'matrix' },
    make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'request'), heads)),
    make('tbody', {}, rows));
}

function makeSquare(row, square, kind) {
  const untried = square.untried.join('\n');
  if (!square.cells.length) {
    return square.letter ? make('span', { class: 'letter untried-letter', title: untried, role: 'img', 'aria-label': `not tried: ${untried}` }, square.letter) : '';
  }
  const found = new Set(square.cells.flatMap((number) => data.cells[number].outcomes));
  return make('button', {
    class: `letter ${classOf(square.outcome)}${isAccepted(square) ? ' is-accepted' : ''}`, 'data-outcomes': [...found].join(','), 'data-cells': square.cells.join(','),
    'aria-label': `${row.proxy}: ${row.request} ${row.number} ${kind}: ${square.outcome}`, title: square.outcome,
    onclick: () => open(worstOf(square.cells), square.cells),
  }, square.letter);
}

/** Whether all that is to be mended there is accepted. */
function isAccepted(square) {
  const bad = square.cells.map((number) => data.cells[number]).filter((cell) => outcomes.get(cell.worst).isFinding);
  return bad.length > 0 && bad.every((cell) => cell.reason);
}

const severity = (number) => data.outcomes.findIndex((outcome) => outcome.name === data.cells[number].worst);
const worstOf = (numbers) => numbers.reduce((worst, number) => (severity(number) < severity(worst) ? number : worst));

function makeFindings() {
  const findings = data.findings.map((finding) => make('li', { class: 'finding', 'data-outcomes': finding.outcomes.join(',') },
    make('button', { onclick: () => open(finding.cells[0], finding.cells) },
      make('div', { class: 'badges' }, finding.outcomes.map(badge), finding.reason ? make('span', { class: 'badge not-hit' }, 'accepted') : ''),
      makePlaces(finding),
      make('p', {}, `${capitalize(finding.faults)}${finding.messages.length ? ':' : '.'}`),
      finding.messages.map((message) => make('p', {}, message)),
      make('p', { class: 'dim' }, finding.reason || finding.remedy))));
  return make('aside', { 'aria-label': 'Findings' },
    make('h2', { class: 'title' }, findings.length === 1 ? '1 finding' : `${findings.length} findings`),
    findings.length ? make('ol', {}, findings) : make('p', { class: 'none' }, 'Nothing is to be mended, as far as it was tried.'));
}

const dialog = make('dialog', { 'aria-label': 'Cell', onclose: () => history.replaceState(null, '', location.pathname + location.search) });
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });

/** Show a cell, with tabs for those that are shown together with it. */
function open(number, numbers = [number]) {
  const cell = data.cells[number];
  const test = data.explored[cell.test];
  const tabs = numbers.length > 1 ? make('div', { class: 'tabs' }, numbers.map((other) => make('button', {
    'aria-current': String(other === number), onclick: () => open(other, numbers),
  }, make('span', { class: `letter ${classOf(data.cells[other].worst)}` }, outcomes.get(data.cells[other].worst).letter),
  make('span', { class: 'code' }, data.cells[other].fault)))) : '';
  dialog.replaceChildren(make('div', { class: 'sheet' },
    make('div', { class: 'top' }, make('h2', { class: 'code' }, cell.fault),
      make('button', { class: 'close', 'aria-label': 'Close', onclick: () => dialog.close() }, '×')),
    make('p', { class: 'facts' }, `${capitalize(cell.words)}.`),
    make('p', { class: 'facts' }, cell.where ? `Asked by ${cell.where}, in ${test.name}` : `In ${test.name}`),
    tabs,
    make('div', { class: 'badges' }, cell.outcomes.map(badge)),
    make('p', { class: 'message' }, cell.message || `${capitalize(outcomes.get(cell.worst).words)}.`),
    cell.reason ? make('p', { class: 'facts' }, `Accepted: ${cell.reason}`) : '',
    make('code', { class: 'replay code', title: 'Try it again' }, cell.replay),
    makeRuns(test.clean, cell)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  history.replaceState(null, '', `#cell-${number}`);
}

function makeRuns(clean, cell) {
  const children = [make('h3', {}, 'Clean run'), make('h3', {}, 'With the fault')];
  for (const [left, right] of cell.rows) {
    children.push(makeExchange(clean.shown[left], right === null ? 'is-missing' : ''));
    children.push(makeExchange(cell.faulty.shown[right], left === null ? 'is-extra' : ''));
  }
  if (clean.more || cell.faulty.more) {
    children.push(make('p', { class: 'facts' }, `${clean.more} more`), make('p', { class: 'facts' }, `${cell.faulty.more} more`));
  }
  return make('div', { class: 'runs' }, children);
}

function makeExchange(exchange, kind) {
  if (!exchange) return make('div', { class: 'exchange' });
  const [request, proxy, where, reply, fault] = exchange.slice(0, 5).map((number) => data.texts[number]);
  const [isSetUp, isGood, at, took] = exchange.slice(5);
  const shown = isSetUp ? 'is-set-up' : kind;
  return make('div', { class: `exchange ${fault ? 'is-faulty' : shown}` },
    make('div', { class: 'request code' }, make('span', { class: 'at' }, formatTime(at)), make('span', { class: 'what' }, request)),
    make('div', { class: 'facts' }, make('span', {}, proxy),
      fault ? make('span', { class: 'fault' }, fault) : '',
      make('span', { class: isGood ? '' : 'poor' }, reply),
      took === null ? '' : make('span', {}, formatTime(took)), make('span', {}, where)));
}

/** Return milliseconds with three digits or so. */
function formatTime(milliseconds) {
  if (milliseconds < 99.95) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 999.5 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

document.body.append(make('div', { class: 'page' }, makeHeader(), make('div', { class: 'columns' },
  make('main', {}, make('h2', { class: 'title' }, 'Requests down, faults across'), data.explored.map(makeTest)), makeFindings())), dialog);

const linked = /^#cell-(\d+)$/.exec(location.hash);
if (linked && data.cells[linked[1]]) open(Number(linked[1]));
