// How a language writes numbers, times and counted things.

export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** What a locale (`de-AT`) needs to write numbers, times and counted things. */
export function formats(locale: string) {
  const numbers = (options?: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, options).format;
  const times = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options).format;
  const rules = new Intl.PluralRules(locale);
  const two = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const count = numbers();
  const moment = times({ dateStyle: "medium", timeStyle: "short" });
  const clock = times({ timeStyle: "short" });
  const day = times({ dateStyle: "medium", timeZone: "UTC" });
  /** The form that goes with a number: `file` or `files`. */
  const plural = (number: number, forms: Forms) => forms[rules.select(number)] ?? forms.other;
  return {
    count,
    plural,
    /** The number with its form: `1,200 files`. */
    counted: (number: number, forms: Forms) => `${count(number)} ${plural(number, forms)}`,
    decimal: numbers(two),
    percent: numbers({ style: "percent" }),
    /** A share of little: `4.3%`. */
    rate: numbers({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    /** By how much something is more or less: `+12%`. */
    growth: numbers({ style: "percent", signDisplay: "always" }),
    money: (amount: number, currency: string | null) =>
      numbers(currency ? { style: "currency", currency, maximumFractionDigits: 6 } : { maximumFractionDigits: 6 })(
        amount,
      ),
    length: (number: number, unit: "hour" | "day") => numbers({ style: "unit", unit, unitDisplay: "long" })(number),
    /** A date and time as the API gives it (ISO 8601). */
    moment: (text: string) => moment(new Date(text)),
    /** A time of day, of a moment as the API gives it. */
    clock: (text: string) => clock(new Date(text)),
    /** A day as the API gives it (`2026-11-30`). */
    day: (text: string) => day(new Date(text)),
    hourOfWeek: times({ weekday: "short", hour: "2-digit", minute: "2-digit" }),
    dayOfYear: times({ month: "short", day: "numeric", timeZone: "UTC" }),
  };
}

export type Formats = ReturnType<typeof formats>;
