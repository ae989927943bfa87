/** Rules and toxics as texts and as bodies of requests: what `--behavior` and `--toxic` read. */

/** The declared options of every behavior and the attributes of every toxic, by name; see `learn`. */
export const declared = { behaviors: {}, toxics: {} };

/** Fetch what is declared. *call* asks the API. */
export async function learn(call) {
  declared.behaviors = (await call('GET', '/behaviors')).options;
  declared.toxics = (await call('GET', '/toxics')).attributes;
}

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Return the options that are not at their defaults. */
export function chosen(options, known = {}) {
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => (
    value !== null && !isSame(value, known[name]?.default ?? null))));
}

function formatValue(value) {
  if (typeof value !== 'string' && typeof value !== 'object') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
}

function formatCall(name, options) {
  const given = Object.entries(options).map(([key, value]) => `${key}=${formatValue(value)}`);
  return given.length ? `${name}(${given.join(', ')})` : name;
}

/** Return a percent without the digits that floating point adds. */
export const formatPercent = (percent) => String(Number(percent.toFixed(6)));

/** Return a rule without its percent. */
export const formatRule = (rule) => formatCall(rule.name, chosen(rule.options, declared.behaviors[rule.name]));

/** Return a rule without the seconds that it is armed for. */
export const withoutEnd = (rule) => ({ ...rule, options: { ...rule.options, for: null } });

/** Return the text that arms rules; `dummy` for none. */
export function formatRules(rules) {
  if (!rules.length) return 'dummy';
  return rules.map((rule) => {
    const share = rules.length === 1 && rule.percent === 100 ? '' : `${formatPercent(rule.percent)}:`;
    return share + formatRule(rule);
  }).join(',');
}

/** Return the text that adds a toxic. */
export function formatToxic(toxic) {
  const options = chosen(toxic.attributes, declared.toxics[toxic.type]);
  if (toxic.toxicity !== 1) options.toxicity = toxic.toxicity;
  if (toxic.client) options.client = toxic.client;
  return `${formatCall(toxic.type, options)}@${toxic.stream}`;
}

/** Return the body that arms rules. */
export function makeBody(rules) {
  if (!rules.length) return { name: 'dummy' };
  return {
    behaviors: rules.map((rule) => ({
      name: rule.name, percent: rule.percent, ...chosen(rule.options),
    })),
  };
}
