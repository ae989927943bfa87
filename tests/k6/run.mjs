// Runs what outage.mjs has k6 run, once, with the modules beside it in the place of those of k6; prints all checks.
import { register } from 'node:module';

register(
  'data:text/javascript,' +
    encodeURIComponent(`export function resolve(name, context, next) {
      const path = { k6: './modules/k6.mjs', 'k6/http': './modules/http.mjs' }[name];
      return path ? next(new URL(path, ${JSON.stringify(import.meta.url)}).href, context) : next(name, context);
    }`),
);
globalThis.__ENV = process.env;

const { checks } = await import('k6');
const { outage, teardown, visit } = await import('./outage.mjs');
visit();
outage();
teardown();
console.log(JSON.stringify(checks));
