/** What happened to gift cards, in Redis. */
const key = (id) => `history:${id}`;

/** Write a line down. */
export async function note(redis, id, line) {
  try {
    await redis.rpush(key(id), line);
  } catch (error) {
    console.error('no history', error.message);
  }
}

/** Return all lines. */
export const notes = (redis, id) => redis.lrange(key(id), 0, -1);
