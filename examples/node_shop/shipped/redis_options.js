/** How the client of Redis connects again. */
export const OPTIONS = {
  retryStrategy: () => 20,
};
