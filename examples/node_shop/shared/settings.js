/** How long the shop waits for a reply of a backend, in milliseconds. */
export const TIMEOUT = Number(process.env.SHOP_TIMEOUT ?? 5) * 1000;

export const REDIS_URL = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
export const PAYMENT_URL = process.env.PAYMENT_URL ?? 'http://127.0.0.1:9402';
