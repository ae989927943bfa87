/** What is armed, in the words of others: a command, a file, a test, a request. */

import { chosen, declared, formatRules, formatToxic, makeBody } from '/ui/rules.js';

/** Return a text as one word of a shell. */
const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
/** Return a text in quotes, as TOML and Python read them, too. */
const quote = (text) => JSON.stringify(text);
const toxicsOf = (toxics) => toxics.map(formatToxic).join(',');

/** Return a value as Python writes it. */
function python(value) {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return quote(value);
}

function writeShell(name, { listen, backend, protocol }, rules, toxics) {
  const flags = [['--proxy', listen], ['--backend', backend], ['--protocol', protocol]];
  if (rules.length) flags.push(['--behavior', formatRules(rules)]);
  if (toxics.length) flags.push(['--toxic', toxicsOf(toxics)]);
  return ['vaurien', ...flags.map(([flag, value]) => `${flag} ${shell(value)}`)].join(' \\\n  ');
}

function writeConfig(name, { listen, backend, protocol }, rules, toxics) {
  const section = /^[\w-]+$/.test(name) ? name : quote(name);
  const values = { proxy: listen, backend, protocol };
  if (rules.length) values.behavior = formatRules(rules);
  if (toxics.length) values.toxics = toxicsOf(toxics);
  return [`[proxy.${section}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${quote(value)}`)].join('\n');
}

function writePytest(name, { backend, protocol }, rules, toxics) {
  const blocks = toxics.map((toxic) => {
    const given = { stream: toxic.stream, ...chosen(toxic.attributes, declared.toxics[toxic.type]) };
    if (toxic.toxicity !== 1) given.toxicity = toxic.toxicity;
    return `proxy.toxic(${[quote(toxic.type), ...Object.entries(given).map(([key, value]) => `${key}=${python(value)}`)].join(', ')})`;
  });
  if (rules.length) blocks.unshift(`proxy.with_behavior(${quote(formatRules(rules))})`);
  return [
    'def test_with_a_fault(vaurien_proxy):',
    `    proxy = vaurien_proxy(${quote(backend)}, protocol=${quote(protocol)})`,
    ...(blocks.length ? [`    with ${blocks.join(', ')}:`] : ['    if True:']),
    '        ...  # the application connects to proxy.address',
  ].join('\n');
}

function writeCurl(name, state, rules, toxics) {
  const token = sessionStorage.getItem('vaurien-token') === null ? '' : ' -H "Authorization: Bearer $VAURIEN_TOKEN"';
  const ask = (method, path, body) => (
    `curl -X ${method}${token} ${shell(`${location.origin}/proxies/${encodeURIComponent(name)}/${path}`)} \\\n  --data ${shell(JSON.stringify(body))}`);
  return [ask('PUT', 'behavior', makeBody(rules)), ...toxics.map((toxic) => ask('POST', 'toxics', toxic))].join('\n');
}

/** The forms, each with a function of the name and the state of a proxy, and rules and toxics. */
export const FORMS = { Shell: writeShell, Config: writeConfig, pytest: writePytest, curl: writeCurl };
