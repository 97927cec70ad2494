//! Version 1: the first format. Collections come into being with their first record.

use records::{Error, Write};

use crate::Step;

/// Marks the data as version 1.
pub(crate) const STEP: Step = Step { number: 1, name: "initial", up };

#[expect(clippy::unnecessary_wraps, reason = "the shape of every step")]
fn up(_tx: &mut Write) -> Result<(), Error> {
    Ok(())
}
