export const checks = {};

export function check(value, conditions) {
  for (const [name, holds] of Object.entries(conditions)) checks[name] = holds(value);
}

export function sleep() {}
