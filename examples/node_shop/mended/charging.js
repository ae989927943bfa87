/** Charges credit cards. */
import { setTimeout as sleep } from 'node:timers/promises';

import { PAYMENT_URL, TIMEOUT } from '../shared/settings.js';

const TRIES = 3;

export class Declined extends Error {}

/** Take the money for a gift card. Try again if that fails. */
export async function charge(id, amount, card) {
  for (let attempt = 1; ; attempt++) {
    try {
      const reply = await fetch(`${PAYMENT_URL}/charges`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': id },
        body: JSON.stringify({ id, amount, card }),
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (reply.status === 402) throw new Declined();
      if (!reply.ok) throw new Error(`the payment API says ${reply.status}`);
      return await reply.json();
    } catch (error) {
      if (error instanceof Declined || attempt === TRIES) throw error;
      await sleep(20 * 2 ** attempt);
    }
  }
}
