/** Numbers as people read them: three digits, and a unit. */

const round = (value) => (value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2));

/** Return a rate or a count. */
export function formatNumber(value) {
  if (value === null || value === undefined) return '–';
  if (value >= 999.5e3) return `${round(value / 1e6)} M`;
  if (value >= 9999.5) return `${round(value / 1e3)} k`;
  return Number.isInteger(value) || value >= 99.95 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}

/** Return seconds, in the unit that fits. */
export function formatSeconds(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 0.9995) return `${round(1000 * seconds)} ms`;
  return seconds < 99.95 ? `${round(seconds)} s` : formatSpan(seconds);
}

/** Return bytes, or bytes a second. */
export function formatBytes(bytes) {
  if (bytes === null || bytes === undefined) return '–';
  for (const [size, unit] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']]) {
    if (bytes >= size) return `${round(bytes / size)} ${unit}`;
  }
  return `${Math.round(bytes)} B`;
}

/** Return a time that passes: `0:42`, `12:05`, `1:00:00`. */
export function formatSpan(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (number) => String(number).padStart(2, '0');
  return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** Return the time of day of seconds since the epoch. */
export function formatClock(time, isExact = false) {
  const date = new Date(1000 * time);
  const clock = date.toTimeString().slice(0, 8);
  return isExact ? `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}` : clock;
}
