/** What is left on gift cards, in Redis. */
const key = (id) => `balance:${id}`;

export const setBalance = (redis, id, amount) => redis.set(key(id), amount);

export const balanceOf = async (redis, id) => Number(await redis.get(key(id)));

/** Take *amount* from a card; return what is left, or less than nothing if there is not enough. */
export async function spend(redis, id, amount) {
  const left = await redis.decrby(key(id), amount);
  if (left < 0) await redis.incrby(key(id), amount);
  return left;
}
