//! Names of metrics and labels as Prometheus' receiver makes them: characters that are not
//! allowed become underscores, units and `_total` are added.

use std::borrow::Cow;

use metric::MetricType;

/// The words for units in the case-sensitive notation of UCUM.
const UNITS: [(&str, &str); 24] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
];

/// The words for what stands after a slash.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// The name of a metric with its unit and, for a counter, `_total`.
///
/// # Errors
/// Nothing is left of the name.
pub(super) fn metric_name(name: &str, unit: &str, kind: MetricType) -> Result<String, String> {
    let mut tokens: Vec<Cow<'_, str>> =
        name.split(|c| !is_allowed(c)).filter(|it| !it.is_empty()).map(Cow::Borrowed).collect();
    let (main, per) = unit_words(unit);
    let has = |tokens: &[Cow<'_, str>], word: &str| tokens.iter().any(|token| token == word);
    let mut main = Some(clean(&main)).filter(|it| !it.is_empty() && !has(&tokens, it));
    let per = per.map(|per| clean(&per).trim_end_matches('_').to_owned());
    let per = per.filter(|per| per != "per" && !has(&tokens, per));
    if per.is_some() {
        main = main.map(|main| main.trim_end_matches('_').to_owned());
    }
    tokens.extend(main.map(Cow::Owned));
    tokens.extend(per.map(Cow::Owned));
    let last = match kind {
        MetricType::Counter => Some("total"),
        MetricType::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        tokens.retain(|token| token != last);
        tokens.push(Cow::Borrowed(last));
    }
    let mut made = tokens.join("_");
    if made.starts_with(|c: char| c.is_ascii_digit()) {
        made.insert(0, '_');
    }
    if made.is_empty() || (made != name && made.bytes().all(|byte| byte == b'_')) {
        return Err(format!("nothing is left of the metric name {:?}", short(name)));
    }
    Ok(made)
}

/// The unit in words, as metadata states it: `bytes_per_second`.
pub(super) fn unit_name(unit: &str) -> String {
    let (main, per) = unit_words(unit);
    let (main, per) = (clean(&main), per.map(|per| clean(&per)).unwrap_or_default());
    let joined = if main.is_empty() || per.is_empty() { main + &per } else { main + "_" + &per };
    joined.trim_matches('_').to_owned()
}

/// The name of a label.
///
/// # Errors
/// Nothing is left of the name.
pub(super) fn label_name(name: &str) -> Result<Cow<'_, str>, String> {
    let plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let clean: Cow<'_, str> = if name.chars().all(plain) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.chars().map(|c| if plain(c) { c } else { '_' }).collect())
    };
    let made: Cow<'_, str> = if clean.starts_with(|c: char| c.is_ascii_digit()) {
        Cow::Owned(format!("key_{clean}"))
    } else if clean.starts_with('_') && !clean.starts_with("__") {
        Cow::Owned(format!("key{clean}"))
    } else {
        clean
    };
    let nothing = made.bytes().all(|byte| byte == b'_');
    if made.is_empty() || (nothing && made != name) {
        return Err(format!("nothing is left of the attribute name {:?}", short(name)));
    }
    Ok(made)
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

/// The words for a unit, before and after its slash. What stands in braces is a remark.
fn unit_words(unit: &str) -> (String, Option<String>) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let is_unit = |text: &str| !text.is_empty() && !text.contains(['{', '}']);
    let word = |table: &[(&str, &str)], text: &str| {
        let found = table.iter().find(|(sign, _)| *sign == text);
        found.map_or(text, |(_, word)| word).to_owned()
    };
    let (main, per) = (main.trim(), per.trim());
    let main = match main {
        "1" => String::new(),
        "%" => "percent".to_owned(),
        _ if is_unit(main) => word(&UNITS, main),
        _ => String::new(),
    };
    let per = is_unit(per).then(|| format!("per_{}", word(&PER_UNITS, per)));
    (main, per)
}

/// Characters that are not allowed become one underscore each run; none at the beginning.
fn clean(unit: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    for c in unit.chars() {
        let c = if is_allowed(c) { c } else { '_' };
        if c != '_' || !(out.is_empty() || out.ends_with('_')) {
            out.push(c);
        }
    }
    out
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
