/** Reading a probe's report: which steps ran, which lines of the sample are wrong. Pure. */
import type { ProbeReport } from './queries'

export const STEPS = ['dns', 'tcp', 'tls', 'http', 'parse'] as const
export type StepName = (typeof STEPS)[number]

type Step = ProbeReport['steps'][number]

/** A step as shown: `skipped` when an earlier one failed or the address needs none. */
export interface StepView {
  name: StepName
  outcome: 'ok' | 'failed' | 'skipped'
  step?: Step
  /** Share of the whole time before this step and of this step, between 0 and 1. */
  offset: number
  share: number
}

/** All steps in order, each with its part of the whole time. */
export function stepViews(report: ProbeReport): StepView[] {
  const totalMs = report.steps.reduce((sum, step) => sum + step.duration_ms, 0) || 1
  let beforeMs = 0
  return STEPS.map((name) => {
    const step = report.steps.find((candidate) => candidate.step === name)
    if (!step) return { name, outcome: 'skipped', offset: beforeMs / totalMs, share: 0 }
    const view: StepView = {
      name,
      step,
      outcome: step.ok ? 'ok' : 'failed',
      offset: beforeMs / totalMs,
      share: step.duration_ms / totalMs,
    }
    beforeMs += step.duration_ms
    return view
  })
}

/** One line of the sample as shown. */
export interface SampleLine {
  number: number
  text: string
  kind: 'comment' | 'sample' | 'problem'
  reason?: string
}

/** The lines of the sample with their marks; problems beyond its end are listed after it. */
export function sampleLines(report: ProbeReport): SampleLine[] {
  const reasons = new Map(report.problems.map((problem) => [problem.line, problem.reason]))
  const text = report.sample.replace(/\n$/, '')
  const lines = text === '' ? [] : text.split('\n')
  return lines.map((line, index) => {
    const reason = reasons.get(index + 1)
    const kind = reason !== undefined ? 'problem' : line.startsWith('#') ? 'comment' : 'sample'
    return { number: index + 1, text: line, kind, reason }
  })
}

/** Problems on lines that the sample no longer shows. */
export function problemsBeyond(report: ProbeReport): ProbeReport['problems'] {
  const shown = report.sample.replace(/\n$/, '').split('\n').length
  return report.problems.filter((problem) => problem.line > shown)
}

/** An address as typed: `10.0.4.11:9100` becomes `http://10.0.4.11:9100/metrics`. */
export function completeUrl(typed: string): string {
  const text = typed.trim()
  if (text === '') return ''
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const bare = /^https?:\/\/[^/?#]+$/i.test(withScheme)
  return bare ? `${withScheme}/metrics` : withScheme
}
