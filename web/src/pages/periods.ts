// Periods of time, cut into the hours or days that the API counts by (UTC).

export const PERIODS = {
  "24h": { granularity: "hour", steps: 24, ms: 3_600_000 },
  "7d": { granularity: "day", steps: 7, ms: 86_400_000 },
  "30d": { granularity: "day", steps: 30, ms: 86_400_000 },
} as const;
export type Period = keyof typeof PERIODS;

export interface Counted {
  start: string;
  views: number;
  clicks: number;
}

/** The period that ends with the running hour or day, and when the one before it began. */
export function spanOf(period: Period, now: number) {
  const { steps, ms } = PERIODS[period];
  const to = (Math.floor(now / ms) + 1) * ms;
  const from = to - steps * ms;
  return { from: new Date(from), to: new Date(to), before: new Date(from - steps * ms) };
}

/** Every step of the period; the API leaves out those in which nothing was counted. */
export function filled(period: Period, from: Date, items: Counted[]): (Counted & { at: Date })[] {
  const { steps, ms } = PERIODS[period];
  const known = new Map(items.map((item) => [Date.parse(item.start), item]));
  return Array.from({ length: steps }, (_, step) => {
    const at = new Date(from.getTime() + step * ms);
    const { views = 0, clicks = 0 } = known.get(at.getTime()) ?? {};
    return { start: at.toISOString(), at, views, clicks };
  });
}

/** By how much something grew, as a share of what it was; null where it was nothing. */
export const growth = (now: number, before: number) => (before ? (now - before) / before : null);
