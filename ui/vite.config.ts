/** Build, dev server and unit tests. `npm run dev` proxies the API to a running appliance. */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import components from 'unplugin-vue-components/vite'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const backend = process.env.ONEMONITOR_BACKEND ?? 'https://localhost:8443'
const compressible = /\.(?:js|css|html|svg|json|txt|map)$/

/** Writes a `.br` and a `.gz` beside every text asset, so that the appliance never compresses. */
function precompress(): Plugin {
  return {
    name: 'onemonitor-precompress',
    apply: 'build',
    closeBundle() {
      compressFolder(fileURLToPath(new URL('./dist', import.meta.url)))
    },
  }
}

function compressFolder(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) {
      compressFolder(path)
    } else if (compressible.test(name) && name !== 'index.html') {
      // index.html carries a placeholder that the gateway fills in for every answer.
      const content = readFileSync(path)
      const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 }
      writeFileSync(`${path}.br`, brotliCompressSync(content, { params: quality }))
      writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }))
    }
  }
}

/** Makes the dev server send the policy of the appliance, so that a violation shows up early. */
function contentSecurityPolicy(): Plugin {
  const nonce = randomBytes(16).toString('base64')
  const policy = [
    "default-src 'self'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return {
    name: 'onemonitor-csp',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use((_request, response, next) => {
        response.setHeader('Content-Security-Policy', policy)
        next()
      })
    },
    transformIndexHtml(html) {
      return {
        html: html.replace('{{csp-nonce}}', nonce),
        tags: [{ tag: 'meta', attrs: { property: 'csp-nonce', nonce }, injectTo: 'head-prepend' }],
      }
    },
  }
}

/** Parts of the frame that are fetched when somebody opens them. */
const openedLater =
  /\/(?:TimeRangePanel|MonthCalendar|CommandPalette|KeyboardHelp|NotFoundPage|[pP]romqlEditor)\b/

/**
 * Libraries get chunks of their own, so that an upgrade of one re-loads no other; the frame and
 * what every page stands on are one chunk instead of thirty small ones.
 */
const chunks = [
  {
    name: 'editor',
    priority: 30,
    test: /node_modules\/(?:@codemirror|@lezer|@prometheus-io|style-mod|crelt|w3c-keyname)\b/,
  },
  { name: 'uplot', priority: 30, test: /node_modules\/uplot\// },
  {
    name: 'vue',
    priority: 20,
    test: /node_modules\/(?:@vue|vue|vue-router|vue-i18n|pinia|@intlify|@tanstack|openapi-fetch)\//,
  },
  { name: 'element', priority: 10, test: /node_modules\/(?:element-plus|@element-plus|@vueuse)\// },
  {
    name: 'frame',
    priority: 10,
    test: (id: string) =>
      /\/src\/(?:shell\/|api\/|text\/i18n|base\/[^/]+$|base\/icons\/)/.test(id) &&
      !openedLater.test(id),
  },
]

export default defineConfig({
  plugins: [
    vue(),
    components({
      dirs: [],
      dts: false,
      resolvers: [ElementPlusResolver({ importStyle: process.env.VITEST ? false : 'css' })],
    }),
    contentSecurityPolicy(),
    precompress(),
  ],
  define: {
    __VUE_OPTIONS_API__: 'true',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 400,
    rolldownOptions: {
      output: { codeSplitting: { groups: chunks, includeDependenciesRecursively: false } },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/api/', '/prometheus/', '/metrics', '/healthz', '/readyz'].map((prefix) => [
        prefix,
        { target: backend, secure: false, changeOrigin: true },
      ]),
    ),
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    server: { deps: { inline: ['element-plus'] } },
  },
})
