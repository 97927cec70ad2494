//! The password policy: length and a list of what everybody guesses first, no composition rules.

use kernel::error::{Error, Result};

/// The shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The longest password, in characters.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// The fewest different characters of a password.
const DIFFERENT_CHARS_MIN: usize = 5;
/// Names shorter than this may occur in a password by chance.
const NAME_CHARS_COUNTED: usize = 4;

/// Common passwords of [`PASSWORD_CHARS_MIN`] characters and more, one a line, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// Refuses a password that is too short, too long or easy to guess.
///
/// # Errors
/// `Invalid`, with the rule that is broken.
pub fn check_password(field: &'static str, password: &str, user_name: &str) -> Result<()> {
    let refuse =
        |detail: String| Err(Error::invalid("identity.weak_password", detail).field(field));
    let chars = password.chars().count();
    if chars < PASSWORD_CHARS_MIN {
        return refuse(format!("the password must have {PASSWORD_CHARS_MIN} characters or more"));
    }
    if chars > PASSWORD_CHARS_MAX {
        return refuse(format!("the password must have {PASSWORD_CHARS_MAX} characters or fewer"));
    }
    let plain = password.to_lowercase();
    let name = user_name.to_lowercase();
    if name.chars().count() >= NAME_CHARS_COUNTED && plain.contains(&name) {
        return refuse("the password must not contain the user name".to_owned());
    }
    if plain.contains("onemonitor") {
        return refuse("the password must not contain the name of the product".to_owned());
    }
    if is_common(&plain) || is_monotonous(&plain) {
        return refuse("the password is among those that are guessed first".to_owned());
    }
    Ok(())
}

/// Whether the password is a well-known one, also with signs around it.
fn is_common(plain: &str) -> bool {
    let core = plain.trim_matches(|c: char| !c.is_alphanumeric());
    COMMON.lines().any(|common| common == plain || common == core)
}

/// Whether it is made of few characters, or of one run such as `abcdefghijkl`.
fn is_monotonous(plain: &str) -> bool {
    let mut different: Vec<char> = plain.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT_CHARS_MIN {
        return true;
    }
    let codes: Vec<i64> = plain.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps = codes.windows(2).filter(|pair| (pair[1] - pair[0]).abs() <= 1).count();
    // Nearly every character follows its neighbour.
    steps * 10 >= (codes.len() - 1) * 9
}
