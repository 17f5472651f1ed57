// The simple forecasts that the ensemble is made of: their names in the order of every array that holds one number an
// expert, and the constants of those that come in several strengths.

/** Days whose curve is moved by the recent difference to it: yesterday, the last alike day, the mean of four alike days. */
export const LAGS = ["yesterday", "week", "four-weeks"] as const;

/** Exponential smoothing with a season: how fast the level follows (half-life), and the season at each visit. */
export const SEASONS = [
  { days: 1, levelMinutes: 20, gamma: 0.15 },
  { days: 1, levelMinutes: 90, gamma: 0.3 },
  { days: 1, levelMinutes: 720, gamma: 0.2 },
  { days: 7, levelMinutes: 20, gamma: 0.3 },
  { days: 7, levelMinutes: 90, gamma: 0.4 },
  { days: 7, levelMinutes: 720, gamma: 0.3 },
] as const;

export const EXPERTS: readonly string[] = [
  "last-value",
  "yesterday",
  "last-week",
  "profile",
  "profile-level",
  "followed",
  ...LAGS.map((lag) => `moved-${lag}`),
  ...SEASONS.map(({ days, levelMinutes }) => `smoothed-${days === 1 ? "daily" : "weekly"}-${levelMinutes}m`),
];

export const EXPERT = {
  last: 0,
  yesterday: 1,
  week: 2,
  profile: 3,
  level: 4,
  followed: 5,
  lags: 6,
  seasons: 9,
} as const;
