//! `onemonitor serve`: starts everything in order, waits for a signal, stops in order.

use std::io::Write;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use super::{Failure, Place, control};
use crate::app::{Running, Services};
use crate::config::settings::LogSettings;
use crate::config::{Layers, Settings};
use kernel::secret::Secret;

type FilterHandle = reload::Handle<EnvFilter, Registry>;

/// Runs the server until SIGTERM or SIGINT.
pub(super) fn serve(layers: &Layers, place: &Place) -> Result<(), Failure> {
    let settings = Settings::from_file(&layers.merged)?;
    let filter = start_log(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(settings, place, &filter))
}

async fn run(settings: Settings, place: &Place, filter: &FilterHandle) -> Result<(), Failure> {
    // Signals that come while the server starts are not lost: they wait in these streams.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;

    let services = Services::open(&settings).await?;
    let running = services.start(&settings, first_password()).await?;
    control::listen(&settings.data_dir, services.clone(), running.stop.clone())?;
    announce(&running)?;
    notify(&[NotifyState::Ready]);

    wait(&mut terminate, &mut interrupt, async || {
        hangup.recv().await;
        reload(place, filter, &services, &running).await;
    })
    .await;

    tracing::info!("stopping");
    notify(&[NotifyState::Stopping]);
    running.stop().await;
    services.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Waits for one of the two signals that end the server, reloading in between.
async fn wait(terminate: &mut Signal, interrupt: &mut Signal, mut reload: impl AsyncFnMut()) {
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            () = reload() => {}
        }
    }
}

/// The password for the first administrator, if the environment sets one.
#[expect(clippy::disallowed_methods, reason = "a secret is no configuration key")]
fn first_password() -> Option<Secret> {
    std::env::var("ONEMONITOR_ADMIN_PASSWORD").ok().filter(|it| !it.is_empty()).map(Secret::new)
}

/// What a person needs at the terminal or in the journal: password once, then the address.
fn announce(running: &Running) -> Result<(), Failure> {
    let mut terminal = std::io::stdout();
    if let Some(password) = &running.one_time_password {
        writeln!(terminal, "one-time password for admin: {}", password.expose())?;
    }
    writeln!(terminal, "listening on {}", running.address)?;
    Ok(())
}

/// SIGHUP: certificates, log level, scrape jobs and rule files; a mistake leaves what was in force.
async fn reload(place: &Place, filter: &FilterHandle, services: &Services, running: &Running) {
    let settings = match place.settings() {
        Ok(settings) => settings,
        Err(Failure(sentence)) => {
            tracing::error!(error = sentence, "configuration not reloaded");
            return;
        }
    };
    match log_filter(&settings.log) {
        Ok(new) => drop(filter.reload(new)),
        Err(Failure(sentence)) => tracing::error!(error = sentence, "log level not changed"),
    }
    running.reload_certificate().await;
    services.reload(&settings).await;
    tracing::info!("configuration reloaded");
}

/// systemd is told when it started us; a failure to tell harms nothing else.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "service manager not told");
    }
}

fn log_filter(log: &LogSettings) -> Result<EnvFilter, Failure> {
    Ok(EnvFilter::builder().with_env_var("ONEMONITOR_LOG").parse(
        std::env::vars()
            .find(|(name, _)| name == "ONEMONITOR_LOG")
            .map_or_else(|| log.filter.clone(), |(_, value)| value),
    )?)
}

/// Logs to the journal with its fields where systemd reads our output, else to standard error.
fn start_log(log: &LogSettings) -> Result<FilterHandle, Failure> {
    let (filter, handle) = reload::Layer::new(log_filter(log)?);
    let in_journal = !log.json && std::env::var_os("JOURNAL_STREAM").is_some();
    let journal = in_journal.then(tracing_journald::layer).and_then(Result::ok);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let output: Box<dyn Layer<_> + Send + Sync> = match journal {
        Some(journal) => journal.boxed(),
        None if log.json => lines.json().flatten_event(true).boxed(),
        None => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(output).try_init()?;
    Ok(handle)
}
