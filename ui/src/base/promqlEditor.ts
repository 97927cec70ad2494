/** The parts of the query editor: language, completion, keys, look, and the server's fault mark. */
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete'
import {
  defaultKeymap,
  history,
  historyKeymap,
  insertNewlineAndIndent,
  isolateHistory,
} from '@codemirror/commands'
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { lintKeymap } from '@codemirror/lint'
import { EditorState, Prec, StateEffect, StateField, type Extension } from '@codemirror/state'
import {
  Decoration,
  drawSelection,
  EditorView,
  keymap,
  placeholder,
  type DecorationSet,
} from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { PromQLExtension } from '@prometheus-io/codemirror-promql'
import { keptCursor } from './cursor'

const API = '/prometheus'
/** Names and values seen in this time are offered. */
const LOOKBACK_MS = 24 * 3_600_000
const FRESH_MS = 60_000

/** A part of the text, in UTF-16 units. */
export interface Mark {
  from: number
  to: number
}

/** A mark that stays until the text changes or another one is set. */
function markField(className: string) {
  const set = StateEffect.define<Mark | undefined>()
  const field = StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(marks, transaction) {
      // What is being rewritten is no longer what the mark spoke of.
      let next = transaction.docChanged ? Decoration.none : marks
      for (const effect of transaction.effects) {
        if (!effect.is(set)) continue
        next = marksFor(effect.value, transaction.state.doc.length, className)
      }
      return next
    },
    provide: (field) => EditorView.decorations.from(field),
  })
  return { set, field }
}

function marksFor(mark: Mark | undefined, length: number, className: string): DecorationSet {
  if (!mark || mark.from >= Math.min(mark.to, length)) return Decoration.none
  const decoration = Decoration.mark({ class: className })
  return Decoration.set([decoration.range(mark.from, Math.min(mark.to, length))])
}

const faultMark = markField('cm-fault')
const partMark = markField('cm-part')

/** Underlines what the server refused; nothing when `mark` is undefined. */
export function showMark(view: EditorView, mark: Mark | undefined): void {
  view.dispatch({ effects: faultMark.set.of(mark) })
}

/** Brings out a part of the text; nothing when `mark` is undefined. */
export function showPart(view: EditorView, mark: Mark | undefined): void {
  view.dispatch({ effects: partMark.set.of(mark) })
}

/** Puts another layout of the text in its place; one undo brings the old one back. */
export function replaceLayout(view: EditorView, text: string): void {
  const old = view.state.doc.toString()
  if (old === text) return
  view.dispatch({
    changes: { from: 0, to: old.length, insert: text },
    selection: { anchor: keptCursor(old, view.state.selection.main.head, text) },
    annotations: isolateHistory.of('full'),
    userEvent: 'input.format',
    scrollIntoView: true,
  })
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier], color: 'var(--om-code-keyword)' },
  { tag: tags.function(tags.variableName), color: 'var(--om-code-function)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--om-code-string)' },
  { tag: [tags.number, tags.literal], color: 'var(--om-code-number)' },
  { tag: tags.labelName, color: 'var(--om-code-label)' },
  { tag: tags.operator, color: 'var(--om-text-2)' },
  { tag: tags.comment, color: 'var(--om-text-3)', fontStyle: 'italic' },
])

const look = EditorView.theme({
  '&': { fontSize: 'var(--om-text-md)', backgroundColor: 'transparent', color: 'var(--om-text)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--om-font-mono)', lineHeight: '20px' },
  '.cm-content': { padding: '6px 0', caretColor: 'var(--om-accent)' },
  '.cm-line': { padding: '0 10px' },
  '.cm-cursor': { borderLeftColor: 'var(--om-accent)' },
  '.cm-placeholder': { color: 'var(--om-text-3)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { backgroundColor: 'var(--om-selected)' },
  '.cm-matchingBracket': {
    backgroundColor: 'var(--om-accent-soft)',
    outline: '1px solid var(--om-border-strong)',
  },
  '.cm-fault': {
    textDecoration: 'underline wavy var(--om-critical)',
    textUnderlineOffset: '3px',
    backgroundColor: 'var(--om-critical-soft)',
  },
  '.cm-part': {
    backgroundColor: 'var(--om-selected)',
    outline: '1px solid var(--om-accent)',
    borderRadius: '2px',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--om-surface)',
    color: 'var(--om-text)',
    border: '1px solid var(--om-border-strong)',
    borderRadius: 'var(--om-radius)',
    boxShadow: 'var(--om-shadow-2)',
    overflow: 'hidden',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'var(--om-font-mono)',
    fontSize: 'var(--om-text-sm)',
    maxHeight: '260px',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--om-accent-solid)',
    color: 'var(--om-text-on-solid)',
  },
  '.cm-completionDetail': { fontStyle: 'normal', opacity: '0.75', paddingLeft: '12px' },
  '.cm-tooltip.cm-completionInfo': { padding: '6px 10px', maxWidth: '360px' },
  '.cm-diagnostic': { padding: '4px 10px' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--om-critical)' },
  '.cm-diagnostic-warning': { borderLeft: '3px solid var(--om-warning)' },
})

/**
 * Typing over a selection. Left to Chromium, the new text would keep the colour of the old by an
 * inline style, which the policy of the page refuses.
 */
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType, isComposing } = event
    const { from, to, empty } = view.state.selection.main
    if (inputType !== 'insertText' || isComposing || !data || empty) return false
    const insert = () =>
      view.state.update(view.state.replaceSelection(data), {
        userEvent: 'input.type',
        scrollIntoView: true,
      })
    const handlers = view.state.facet(EditorView.inputHandler)
    if (!handlers.some((handler) => handler(view, from, to, data, insert))) view.dispatch(insert())
    return true
  },
})

/** What the editor is made with. */
export interface EditorSetup {
  label: string
  hint?: string
  onChange: (text: string) => void
  onRun: () => void
  onFormat: () => void
}

/** All extensions of one editor, and how to let go of what they hold. */
export function editorExtensions(setup: EditorSetup): {
  extensions: Extension[]
  stop: () => void
} {
  const promql = new PromQLExtension().setComplete({
    remote: {
      url: API,
      httpMethod: 'GET',
      lookbackInterval: LOOKBACK_MS,
      cache: { maxAge: FRESH_MS },
      // Completion never disturbs writing: without an answer there are no suggestions.
      httpErrorHandler: () => {},
    },
  })
  const extensions = [
    history(),
    drawSelection(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false, maxRenderedOptions: 80 }),
    promql.asExtension(),
    syntaxHighlighting(colours),
    look,
    faultMark.field,
    partMark.field,
    typeOver,
    EditorView.lineWrapping,
    EditorState.allowMultipleSelections.of(false),
    nonce(),
    setup.hint ? placeholder(setup.hint) : [],
    EditorView.contentAttributes.of({ 'aria-label': setup.label, spellcheck: 'false' }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) setup.onChange(update.state.doc.toString())
    }),
    keys(setup.onRun, setup.onFormat),
  ]
  return { extensions, stop: () => promql.destroy() }
}

/**
 * Enter takes a suggestion when the list is open, else it runs. Tab leaves the editor. Input
 * methods for Chinese take Ctrl+Shift+F for themselves, so Alt+Shift+F does the same.
 */
function keys(run: () => void, format: () => void): Extension {
  const runs = () => {
    run()
    return true
  }
  const formats = () => {
    format()
    return true
  }
  return [
    Prec.highest(
      keymap.of([
        { key: 'Mod-Enter', run: runs },
        { key: 'Mod-Shift-f', run: formats, preventDefault: true },
        { key: 'Shift-Alt-f', run: formats, preventDefault: true },
      ]),
    ),
    Prec.high(
      keymap.of([
        { key: 'Enter', run: (view) => acceptCompletion(view) || runs() },
        { key: 'Shift-Enter', run: insertNewlineAndIndent },
      ]),
    ),
    keymap.of([
      ...closeBracketsKeymap,
      ...completionKeymap,
      ...historyKeymap,
      ...lintKeymap,
      ...defaultKeymap,
    ]),
  ]
}

/** The policy of the page allows the editor's style element by this nonce alone. */
function nonce(): Extension {
  const value = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content
  return value ? EditorView.cspNonce.of(value) : []
}
