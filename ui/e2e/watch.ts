/** Notes what a page must never do: errors, requests to other hosts, refused by the policy. */
import type { BrowserContext } from '@playwright/test'

export interface Watch {
  /** Says which page the next notes belong to. */
  at: (place: string) => void
  /** Everything noted so far, one line each. */
  notes: string[]
}

/** Watches every page of the context from now on. */
export async function watchContext(context: BrowserContext, origin: string): Promise<Watch> {
  const notes: string[] = []
  let place = 'start'
  const note = (text: string) => notes.push(`${place}: ${text}`)
  await context.exposeFunction('onemonitorViolation', (text: string) => note(`policy: ${text}`))
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const tell = (window as unknown as { onemonitorViolation: (text: string) => void })
        .onemonitorViolation
      tell(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`)
    })
  })
  context.on('request', (request) => {
    const url = new URL(request.url())
    const inside = url.protocol === 'data:' || url.protocol === 'blob:' || url.origin === origin
    if (!inside) note(`request to ${request.url()}`)
  })
  context.on('response', (response) => {
    if (response.status() >= 500) note(`${response.status()} from ${response.url()}`)
  })
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      note(`console ${message.type()}: ${message.text()} (${message.location().url})`)
    }
  })
  context.on('weberror', (error) => note(`uncaught: ${error.error().message}`))
  return { notes, at: (next) => (place = next) }
}
