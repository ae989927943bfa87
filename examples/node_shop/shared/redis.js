/** The client of Redis. */
import { Redis } from 'ioredis';

import { REDIS_URL, TIMEOUT } from './settings.js';
import { OPTIONS } from '#shop/redis_options';

export function makeRedis() {
  const redis = new Redis(REDIS_URL, { connectTimeout: TIMEOUT, commandTimeout: TIMEOUT, ...OPTIONS });
  redis.on('error', () => {}); // commands tell
  return redis;
}
