// How money counts time: hours, and the one month that estimates are made with: 30 days of 24 hours. What was really spent is integrated over time and
// needs no month; only "at this rate a month would cost" does, and everything that says so takes it from here.

/** Some tables take 730 hours, a twelfth of a year; that is 1.4 % more. */
export const HOURS_PER_MONTH = 720;

export function perMonth(usdPerHour: number): number {
  return usdPerHour * HOURS_PER_MONTH;
}

export const MS_PER_HOUR = 3_600_000;
