/** Builds one message tree: shared words at the top, each feature's file under its own name. */

type Tree = Record<string, unknown>

/**
 * Merges locale files by path: `../features/<name>/xx.json` and `../base/<name>/xx.json` go
 * under `<name>`, `./xx.json` (shared words) stays at the top.
 */
export function mergeTexts(files: Record<string, Tree>): Tree {
  const merged: Tree = {}
  for (const [path, tree] of Object.entries(files)) {
    const owner = /\/(?:features|base)\/([^/]+)\//.exec(path)?.[1]
    if (owner) merged[owner] = tree
    else Object.assign(merged, tree)
  }
  return merged
}
