/**
 * Types of the HTTP API, in the shape that `npm run api` generates from openapi.json.
 */

type Json<T> = { headers: Record<string, unknown>; content: { 'application/json': T } }
type Empty = { headers: Record<string, unknown>; content?: never }
type ProblemAnswer = {
  headers: Record<string, unknown>
  content: { 'application/problem+json': components['schemas']['Problem'] }
}
type Body<T> = { content: { 'application/json': T } }
type ById = { id: string }

export interface paths {
  '/api/v1/session': {
    get: { responses: { 200: Json<components['schemas']['Session']>; default: ProblemAnswer } }
    post: {
      requestBody: Body<components['schemas']['Credentials']>
      responses: { 200: Json<components['schemas']['Session']>; default: ProblemAnswer }
    }
    delete: { responses: { 204: Empty; default: ProblemAnswer } }
  }
  '/api/v1/account/password': {
    post: {
      requestBody: Body<components['schemas']['PasswordChange']>
      responses: { 200: Json<components['schemas']['Session']>; default: ProblemAnswer }
    }
  }
  '/api/v1/account/sessions': {
    get: {
      responses: { 200: Json<components['schemas']['OwnSessionList']>; default: ProblemAnswer }
    }
  }
  '/api/v1/account/sessions/{id}': {
    delete: { parameters: { path: ById }; responses: { 204: Empty; default: ProblemAnswer } }
  }
  '/api/v1/tokens': {
    get: { responses: { 200: Json<components['schemas']['TokenList']>; default: ProblemAnswer } }
    post: {
      requestBody: Body<components['schemas']['TokenCreate']>
      responses: { 201: Json<components['schemas']['TokenCreated']>; default: ProblemAnswer }
    }
  }
  '/api/v1/tokens/{id}': {
    delete: { parameters: { path: ById }; responses: { 204: Empty; default: ProblemAnswer } }
  }
  '/api/v1/targets': {
    get: {
      parameters: { query?: { limit?: number; cursor?: string } }
      responses: { 200: Json<components['schemas']['TargetList']>; default: ProblemAnswer }
    }
    post: {
      requestBody: Body<components['schemas']['TargetWrite']>
      responses: { 201: Json<components['schemas']['Target']>; default: ProblemAnswer }
    }
  }
  '/api/v1/targets/{id}': {
    get: {
      parameters: { path: ById }
      responses: { 200: Json<components['schemas']['Target']>; default: ProblemAnswer }
    }
    patch: {
      parameters: { path: ById; header?: { 'If-Match'?: string } }
      requestBody: Body<components['schemas']['TargetWrite']>
      responses: { 200: Json<components['schemas']['Target']>; default: ProblemAnswer }
    }
    delete: { parameters: { path: ById }; responses: { 204: Empty; default: ProblemAnswer } }
  }
  '/api/v1/target-status': {
    get: {
      responses: { 200: Json<components['schemas']['TargetStatusList']>; default: ProblemAnswer }
    }
  }
  '/api/v1/target-probe': {
    post: {
      requestBody: Body<components['schemas']['ProbeRequest']>
      responses: { 200: Json<components['schemas']['ProbeReport']>; default: ProblemAnswer }
    }
  }
  '/api/v1/hosts': {
    get: {
      parameters: { query?: { limit?: number; cursor?: string; search?: string } }
      responses: { 200: Json<components['schemas']['HostList']>; default: ProblemAnswer }
    }
  }
  '/api/v1/hosts/{instance}': {
    get: {
      parameters: { path: { instance: string } }
      responses: { 200: Json<components['schemas']['Host']>; default: ProblemAnswer }
    }
  }
  '/api/v1/processes': {
    get: {
      parameters: { query: { instance: string } }
      responses: { 200: Json<components['schemas']['ProcessList']>; default: ProblemAnswer }
    }
  }
  '/api/v1/system': {
    get: { responses: { 200: Json<components['schemas']['System']>; default: ProblemAnswer } }
  }
}

export interface components {
  schemas: {
    Problem: {
      type: string
      title: string
      status: number
      code: string
      detail: string
      field?: string
      request_id: string
    }
    Credentials: { name: string; password: string }
    PasswordChange: { current_password: string; new_password: string }
    Session: {
      user: {
        id: string
        name: string
        display_name: string
        roles: string[]
        permissions: string[]
      }
      must_change_password: boolean
      csrf_token: string
      expires_at: string
    }
    OwnSession: {
      id: string
      created_at: string
      last_seen_at: string
      expires_at: string
      source: string
      user_agent: string
      current: boolean
    }
    OwnSessionList: { items: components['schemas']['OwnSession'][] }
    TokenView: {
      id: string
      name: string
      role: string
      prefix: string
      created_at: string
      expires_at?: string | null
      last_used_at?: string | null
    }
    TokenList: { items: components['schemas']['TokenView'][]; next?: string | null }
    TokenCreate: { name: string; role: string; expires_in_s?: number }
    TokenCreated: { token: components['schemas']['TokenView']; secret: string }
    TargetTls: {
      insecure_skip_verify: boolean
      ca_pem?: string | null
      server_name?: string | null
    }
    Target: {
      id: string
      rev: number
      name: string
      urls: string[]
      interval_s: number
      timeout_s: number
      tls: components['schemas']['TargetTls']
      labels: Record<string, string>
      basic_user?: string | null
      has_secret: boolean
      enabled: boolean
      honor_labels: boolean
      relabel?: string | null
      metric_relabel?: string | null
      sample_limit?: number | null
      body_limit_bytes?: number | null
      created_at: string
      updated_at: string
    }
    TargetWrite: {
      name?: string
      urls?: string[]
      interval_s?: number
      timeout_s?: number
      tls?: components['schemas']['TargetTls']
      labels?: Record<string, string>
      basic_user?: string | null
      basic_password?: string | null
      bearer_token?: string | null
      enabled?: boolean
      honor_labels?: boolean
      relabel?: string | null
      metric_relabel?: string | null
      sample_limit?: number | null
      body_limit_bytes?: number | null
    }
    TargetList: { items: components['schemas']['Target'][]; next?: string | null }
    TargetStatus: {
      job: string
      instance: string
      url: string
      origin: 'host' | 'config' | 'ui' | 'file' | 'self'
      target_id?: string | null
      health: 'up' | 'down' | 'unknown'
      last_scrape_at?: string | null
      next_scrape_at?: string | null
      duration_ms?: number | null
      samples?: number | null
      samples_after_relabel?: number | null
      body_bytes?: number | null
      error?: string | null
      error_code?: string | null
      labels: Record<string, string>
      discovered_labels: Record<string, string>
    }
    TargetStatusList: { items: components['schemas']['TargetStatus'][] }
    ProbeRequest: {
      target_id?: string
      url?: string
      timeout_s?: number
      tls?: components['schemas']['TargetTls']
      basic_user?: string | null
      basic_password?: string | null
      bearer_token?: string | null
    }
    ProbeStep: {
      step: 'dns' | 'tcp' | 'tls' | 'http' | 'parse'
      ok: boolean
      duration_ms: number
      detail: string
      hint?: string | null
    }
    ProbeProblem: { line: number; text: string; reason: string }
    ProbeReport: {
      steps: components['schemas']['ProbeStep'][]
      sample: string
      samples: number
      problems: components['schemas']['ProbeProblem'][]
    }
    Host: {
      instance: string
      job: string
      nodename?: string | null
      os?: string | null
      kernel?: string | null
      up: boolean
      last_seen_at?: string | null
      uptime_s?: number | null
      cpu_count?: number | null
      cpu_used_ratio?: number | null
      memory_total_bytes?: number | null
      memory_used_ratio?: number | null
      disk_used_ratio?: number | null
      load1?: number | null
      network_receive_bytes_per_s?: number | null
      network_transmit_bytes_per_s?: number | null
      health: 'ok' | 'warning' | 'critical' | 'unknown'
      spark?: {
        start: string
        step_s: number
        cpu: (number | null)[]
        memory: (number | null)[]
      } | null
    }
    HostList: { items: components['schemas']['Host'][]; next?: string | null }
    ProcessGroup: {
      name: string
      count: number
      cpu_used_ratio?: number | null
      memory_bytes?: number | null
      read_bytes_per_s?: number | null
      write_bytes_per_s?: number | null
    }
    ProcessList: { items: components['schemas']['ProcessGroup'][] }
    System: {
      version: string
      git?: string | null
      started_at: string
      uptime_s: number
      data_dir: string
      stores: { name: string; bytes: number }[]
      disk: { total: number; free: number }
      memory_bytes: number
      cpu_seconds: number
      series: { active: number; samples_total: number; ingested_per_s: number }
      records: Record<string, number>
      tls?: {
        not_after: string
        names: string[]
        fingerprint: string
        self_issued: boolean
        ca_download?: string | null
      } | null
      events: { subscribers: { name: string; lag: number }[] }
    }
  }
}
