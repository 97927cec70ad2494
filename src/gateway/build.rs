//! Makes sure that there is a user interface to embed: a page that says how to build it.

use std::fs;
use std::path::Path;

const STUB: &str = "<!doctype html>
<html lang=\"en\">
  <head><meta charset=\"utf-8\" /><title>OneMonitor</title></head>
  <body>
    <h1>OneMonitor runs</h1>
    <p>This build has no user interface. Run <code>make run</code>, or in the folder
      <code>ui</code> <code>npm ci</code> and <code>npm run build</code>, then build again.</p>
    <p>The API is at <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p>
  </body>
</html>
";

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    let page = folder.join("index.html");
    if !page.exists() {
        fs::create_dir_all(&folder)?;
        fs::write(&page, STUB)?;
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    Ok(())
}
