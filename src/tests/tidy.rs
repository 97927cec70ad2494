//! Reads the sources and holds the rules of ARCHITECTURE.md: arrows, roles, sizes, words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest source file in lines.
const LINES_MAX: usize = 500;
/// Module names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "helpers", "common", "types", "prelude"];

/// Words of the record store that belong into `store.rs`.
const STORING: [&str; 4] = ["Collection", "Index", "Scan", "Key"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file below the top-level folders that hold code, generated ones left out.
fn sources(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for top in ["src", "storage", "migrations", "ui/src", "ui/e2e"] {
        walk(&root().join(top), endings, &mut found);
    }
    found.retain(|path| !path.ends_with("ui/src/api/schema.d.ts"));
    assert!(!found.is_empty(), "no sources found below {}", root().display());
    found
}

fn walk(dir: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("dist") {
            walk(&path, endings, found);
        } else if path.extension().is_some_and(|it| endings.iter().any(|end| it == *end)) {
            found.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The table of allowed arrows in ARCHITECTURE.md: room -> rooms it may use.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut table = BTreeMap::new();
    let rows = text.lines().skip_while(|line| !line.starts_with("| room | may use |")).skip(2);
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let rooms = cells[1].split(',').map(|room| room.trim().to_owned());
        let uses: BTreeSet<String> = rooms.filter(|room| room != "-").collect();
        table.insert(cells[0].to_owned(), uses);
    }
    assert!(table.len() > 5, "the table of arrows in ARCHITECTURE.md was not found");
    table
}

/// The rooms: folder -> the rooms that its Cargo.toml names under `[dependencies]`.
fn rooms() -> Vec<(String, BTreeSet<String>)> {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&text).unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let folders: Vec<String> =
        members.iter().map(|member| member.as_str().unwrap().to_owned()).collect();
    let names: BTreeSet<String> =
        folders.iter().map(|it| it.rsplit('/').next().unwrap().to_owned()).collect();
    let mut rooms = Vec::new();
    for folder in folders {
        let text = fs::read_to_string(root().join(&folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let uses = dependencies.into_iter().flat_map(|table| table.keys().cloned());
        let uses: BTreeSet<String> = uses.filter(|name| names.contains(name)).collect();
        rooms.push((folder.rsplit('/').next().unwrap().to_owned(), uses));
    }
    rooms
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    let allowed = allowed();
    let mut problems = Vec::new();
    for (room, uses) in rooms() {
        let Some(may_use) = allowed.get(&room) else {
            problems.push(format!("{room} is missing in the table of ARCHITECTURE.md"));
            continue;
        };
        for other in uses.difference(may_use) {
            let may_use: Vec<&str> = may_use.iter().map(String::as_str).collect();
            problems.push(format!(
                "{room} depends on {other}; {room} may use {}. Publish an event and let {other} \
                 subscribe in src/app.rs, or change the table in ARCHITECTURE.md and say why.",
                if may_use.is_empty() { "nothing".to_owned() } else { may_use.join(", ") },
            ));
        }
    }
    report(&problems);
}

#[test]
fn members_stand_in_layer_order() {
    let mut before = BTreeSet::new();
    let mut problems = Vec::new();
    for (room, uses) in rooms() {
        for other in uses.difference(&before) {
            problems.push(format!("{room} stands before {other} in Cargo.toml, which it uses"));
        }
        before.insert(room);
    }
    report(&problems);
}

/// Which files may name a crate: everything else keeps its hands off.
fn may_name(krate: &str, path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let is_test = file == "tests.rs" || file.ends_with("_tests.rs") || path.contains("/tests/");
    if is_test {
        return true;
    }
    match krate {
        "axum" => {
            file == "api.rs"
                || path.contains("/api/")
                || path.starts_with("src/gateway/")
                || path.starts_with("src/telemetry/receive/")
                || path == "src/kernel/http.rs"
                || path == "src/cli/control.rs"
                || path == "src/app.rs"
        }
        "redb" => path.starts_with("storage/records/") || path.starts_with("storage/series/"),
        "records" => {
            path.starts_with("storage/")
                || path.starts_with("migrations/")
                || path.starts_with("src/kernel/")
                || file == "store.rs"
                || path == "src/app.rs"
        }
        _ => true,
    }
}

#[test]
fn files_keep_their_roles() {
    let mut problems = Vec::new();
    for path in sources(&["rs"]) {
        let name = relative(&path);
        let text = fs::read_to_string(&path).unwrap();
        for krate in ["axum", "redb", "records"] {
            let (used, imported) = (format!("{krate}::"), format!("use {krate}"));
            let line = text.lines().position(|line| {
                let code = line.trim_start();
                let named = code.starts_with(&imported)
                    && code[imported.len()..].starts_with([':', ';'])
                    || names_crate(code, &used);
                // Stored records and cursors travel; how they are stored does not.
                let travels = krate == "records" && !STORING.iter().any(|it| code.contains(it));
                !code.starts_with("//") && named && !travels
            });
            if let Some(line) = line.filter(|_| !may_name(krate, &name)) {
                problems.push(format!(
                    "{name}:{}: {krate} has no business here; see the roles of files in \
                     ARCHITECTURE.md",
                    line + 1
                ));
            }
        }
    }
    report(&problems);
}

/// Whether `code` holds `krate::` as a path of its own, not as the end of a longer one.
fn names_crate(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[test]
fn sources_are_small_and_say_what_they_are() {
    let mut problems = Vec::new();
    for path in sources(&["rs", "ts", "vue"]) {
        let name = relative(&path);
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > LINES_MAX {
            problems.push(format!("{name}: {lines} lines; split it by noun below {LINES_MAX}"));
        }
        if name.ends_with(".rs") && !text.starts_with("//! ") {
            problems.push(format!("{name}: the first line must be `//!` and say what it is"));
        }
        let stem = path.file_stem().unwrap().to_string_lossy();
        if EMPTY_NAMES.iter().any(|empty| stem == *empty) {
            problems.push(format!("{name}: name the noun that is inside"));
        }
    }
    report(&problems);
}

#[test]
fn nothing_is_left_unfinished() {
    let banned = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX"].concat()];
    let mut problems = Vec::new();
    for path in sources(&["rs", "ts", "vue", "css"]) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words.filter(|word| banned.iter().any(|it| it == word)) {
                problems.push(format!("{}:{}: {word}", relative(&path), number + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn the_clock_is_read_in_one_place() {
    let mut problems = Vec::new();
    for path in sources(&["rs"]) {
        let name = relative(&path);
        let is_service = name.starts_with("src/") && !name.contains("tests");
        if !is_service || name == "src/kernel/clock.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        if text.contains(&["SystemTime", "::now"].concat()) {
            problems.push(format!("{name}: the time comes from kernel::clock::Clock"));
        }
    }
    report(&problems);
}
