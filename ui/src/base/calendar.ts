/** The days of one month as a calendar sheet. Pure. */

/** A day on the sheet. */
export interface SheetDay {
  /** First and last millisecond of the day, local time. */
  startMs: number
  endMs: number
  day: number
  /** False for the days of the neighbouring months that fill the first and last week. */
  inMonth: boolean
}

/** Six weeks, beginning on the Monday on or before the first of the month (0-based). */
export function monthSheet(year: number, month: number): SheetDay[][] {
  const lead = (new Date(year, month, 1).getDay() + 6) % 7
  return Array.from({ length: 6 }, (_, week) =>
    Array.from({ length: 7 }, (_, weekday) => {
      const day = 1 - lead + week * 7 + weekday
      const start = new Date(year, month, day)
      return {
        startMs: start.getTime(),
        endMs: new Date(year, month, day + 1).getTime() - 1,
        day: start.getDate(),
        inMonth: start.getMonth() === month,
      }
    }),
  )
}
