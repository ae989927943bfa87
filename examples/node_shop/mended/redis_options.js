/** How the client of Redis connects again. */
export const OPTIONS = {
  retryStrategy: () => 20,
  // A command whose reply was lost may have been carried out: do not send it again.
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};
