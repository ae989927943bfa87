/** Exchange rates. */
import { PAYMENT_URL, TIMEOUT } from '../shared/settings.js';

/** Return what one unit of our money is in another currency. */
export async function rate(currency) {
  const reply = await fetch(`${PAYMENT_URL}/rates/${currency}`, { signal: AbortSignal.timeout(TIMEOUT) });
  if (!reply.ok) throw new Error(`the payment API says ${reply.status}`);
  return (await reply.json()).rate;
}
