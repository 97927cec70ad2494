//! Commands that need the data: sent to the running server, or done here when none runs.

use std::path::Path;

use super::control::{self, Order};
use super::{Failure, print};
use crate::app::Services;
use crate::config::Settings;

/// `onemonitor token create`: prints the token alone.
pub(super) fn create_token(
    settings: &Settings,
    name: String,
    role: String,
    expires_in_days: Option<u32>,
) -> Result<(), Failure> {
    let expires_in_s = expires_in_days.map(|days| u64::from(days) * 86_400);
    let token = order(settings, Order::CreateToken { name, role, expires_in_s })?;
    print(&format!("{token}\n"))
}

/// `onemonitor user recover`: prints the one-time password alone.
pub(super) fn recover_user(settings: &Settings, name: String) -> Result<(), Failure> {
    let password = order(settings, Order::RecoverUser { name })?;
    print(&format!("{password}\n"))
}

/// `onemonitor backup DEST`.
pub(super) fn backup(settings: &Settings, dest: &Path) -> Result<(), Failure> {
    // The server has another working directory than this terminal.
    let dest = std::path::absolute(dest)?;
    let report = order(settings, Order::Backup { dest })?;
    print(&format!("{report}\n"))
}

/// `onemonitor verify DIR`: exit status 0 only when the directory is whole.
pub(super) fn verify(dir: &Path) -> Result<(), Failure> {
    let report = data::verify(dir)?;
    print(&described(&report))?;
    if report.is_whole() {
        return Ok(());
    }
    Err(format!("{} is not whole; the lines above say what is wrong", dir.display()).into())
}

/// One line a store, and one line a problem below it.
fn described(report: &data::Report) -> String {
    let mut text = format!("format version {}, written by {}\n", report.version, report.program);
    for store in &report.stores {
        let state = if store.problems.is_empty() { "whole" } else { "NOT WHOLE" };
        text.push_str(&format!("{}: {state}, {}\n", store.name, store.summary));
        for problem in &store.problems {
            text.push_str(&format!("  {problem}\n"));
        }
    }
    text
}

fn order(settings: &Settings, order: Order) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(text) = control::send(&settings.data_dir, &order).await? {
            return Ok(text);
        }
        if !settings.data_dir.join("VERSION").is_file() {
            let dir = settings.data_dir.display();
            return Err(format!(
                "{dir} is no data directory: start the server once, or name it with --data-dir"
            )
            .into());
        }
        let services = Services::open(settings).await?;
        let outcome = control::carry_out(&services, order).await;
        services.close().await;
        Ok(outcome?)
    })
}
