/** The five states of anything that is watched; words and shapes are fixed. */
export const STATES = ['ok', 'warning', 'critical', 'unknown', 'paused'] as const

export type State = (typeof STATES)[number]
