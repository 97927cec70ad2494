/** Starts the debug binary on an empty directory and a free port, and stops it again. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const BINARY =
  process.env.ONEMONITOR_BINARY ??
  fileURLToPath(new URL('../../target/debug/onemonitor', import.meta.url))
const START_MS_MAX = 20_000
const STOP_MS_MAX = 10_000

export const HOSTNAME = hostname()

export interface Appliance {
  /** `https://127.0.0.1:<port>` as the binary printed it. */
  url: string
  /** Printed once, before the address. */
  password: string
  /** When the process was started, as `Date.now()` tells it. */
  startedAt: number
  /** What the process has logged so far. */
  log: () => string
  /** Ends it gracefully and removes its directory; the exit status, null when it was killed. */
  stop: () => Promise<number | null>
}

/** Resolves when the address was printed; rejects with the log when the process ends before. */
export async function startAppliance(): Promise<Appliance> {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: run cargo build first`)
  const folder = mkdtempSync(join(tmpdir(), 'onemonitor-e2e-'))
  const startedAt = Date.now()
  const child = spawn(BINARY, ['serve', '--data-dir', folder, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH },
  })
  let log = ''
  child.stderr.on('data', (text: Buffer) => (log += text.toString()))
  try {
    const { url, password } = await firstWords(child, () => log)
    return { url, password, startedAt, log: () => log, stop: () => stop(child, folder) }
  } catch (cause) {
    await stop(child, folder)
    throw cause
  }
}

function firstWords(
  child: ChildProcess,
  log: () => string,
): Promise<{ url: string; password: string }> {
  return new Promise((resolve, reject) => {
    let password = ''
    const fail = (why: string) => reject(new Error(`the appliance ${why}\n${log()}`))
    const timer = setTimeout(() => fail('printed no address in time'), START_MS_MAX)
    child.on('error', reject)
    child.on('exit', (code) => fail(`ended with status ${code}`))
    if (!child.stdout) return fail('has no output')
    createInterface({ input: child.stdout }).on('line', (line) => {
      password = /^one-time password for admin: (\S+)$/.exec(line)?.[1] ?? password
      const url = /^listening on (https:\S+)$/.exec(line)?.[1]
      if (!url) return
      clearTimeout(timer)
      resolve({ url, password })
    })
  })
}

async function stop(child: ChildProcess, folder: string): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
    await ended
    clearTimeout(timer)
  }
  rmSync(folder, { recursive: true, force: true })
  return child.exitCode
}
