import vue from 'eslint-plugin-vue'
import a11y from 'eslint-plugin-vuejs-accessibility'
import ts from 'typescript-eslint'

const featuresAreIslands =
  'a feature imports api, base, shell, text and itself; link to other features by route name'

/** Imports that would tie one feature folder to another, as seen from a given depth. */
function forbidOtherFeatures(files, escape) {
  return {
    files,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^@/features/', message: featuresAreIslands },
            { regex: escape, message: featuresAreIslands },
          ],
        },
      ],
    },
  }
}

/** Layout is prettier's business. */
const layoutRulesOff = Object.fromEntries(
  Object.entries(vue.rules)
    .filter(([, rule]) => rule.meta?.type === 'layout')
    .map(([name]) => [`vue/${name}`, 'off']),
)

export default ts.config(
  { ignores: ['dist/**', 'src/api/schema.d.ts', 'test-results/**'] },
  ...ts.configs.recommended,
  ...vue.configs['flat/recommended'],
  ...a11y.configs['flat/recommended'],
  { rules: layoutRulesOff },
  {
    files: ['**/*.vue', '**/*.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, sourceType: 'module' } },
    rules: {
      'max-lines': ['error', { max: 300, skipComments: true }],
      'no-console': 'error',
      eqeqeq: ['error', 'smart'],
      'vue/multi-word-component-names': 'off',
      'vue/require-default-prop': 'off',
      'vue/no-static-inline-styles': 'error',
      'vue/no-v-html': 'error',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/define-macros-order': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'vuejs-accessibility/label-has-for': [
        'error',
        {
          required: { some: ['nesting', 'id'] },
          controlComponents: ['ElInput', 'ElSwitch'],
          allowChildren: true,
        },
      ],
      'vuejs-accessibility/no-autofocus': 'off',
    },
  },
  {
    files: ['src/**/*.test.ts', 'e2e/**/*.ts'],
    rules: { 'max-lines': 'off' },
  },
  {
    files: ['src/base/**', 'src/api/**', 'src/text/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [{ regex: '(^|/)(features|shell)/', message: 'lower layers know no features' }],
        },
      ],
    },
  },
  forbidOtherFeatures(['src/features/*/*.{ts,vue}'], '^\\.\\./'),
  forbidOtherFeatures(['src/features/*/*/*.{ts,vue}'], '^\\.\\./\\.\\./'),
)
