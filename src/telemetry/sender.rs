//! Who sends samples: the name by which the engine counts and limits their series.

use kernel::caller::{Caller, Subject};
use metric::Labels;

/// The source of what a caller sends: the token's name, the person's, or the address in a
/// trusted network.
pub(crate) fn sender_of(who: &Caller) -> String {
    match &who.subject {
        Subject::Token { .. } => format!("token:{}", who.name),
        Subject::User { .. } => format!("user:{}", who.name),
        Subject::System(part) => format!("system:{part}"),
        Subject::LocalAdministrator => "local administrator".to_owned(),
        Subject::Anonymous => match who.source {
            Some(address) => format!("address:{}", address.to_canonical()),
            None => "anonymous".to_owned(),
        },
    }
}

/// The source of what a scrape brings.
pub(crate) fn sender_of_target(labels: &Labels) -> String {
    let label = |name| labels.get(name).unwrap_or("");
    format!("scrape:{}/{}", label("job"), label("instance"))
}
