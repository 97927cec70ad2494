//! The command line: what can be typed, and which function does it.

mod control;
mod documents;
mod offline;
mod serve;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{ConfigError, Flags, Layers, Settings};

/// All-in-one operations platform in one binary.
#[derive(Debug, Parser)]
#[command(name = "onemonitor", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve {
        #[command(flatten)]
        place: Place,
        /// Address and port to listen on, such as [::]:8443
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Where the certificate comes from
        #[arg(long, value_parser = ["auto", "off", "files"])]
        tls: Option<String>,
    },
    /// Copy the data directory, consistent, while the server runs or not
    Backup {
        /// A directory that is absent or empty
        dest: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Say whether a data directory (or a copy of one) is whole, and what is not
    Verify {
        /// The data directory
        dir: PathBuf,
    },
    /// API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// People
    #[command(subcommand)]
    User(UserCommand),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the API document (OpenAPI 3.1)
    Openapi,
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    #[command(hide = true)]
    Man,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Create a token and print it, alone, on standard output
    Create {
        /// What the token is for
        #[arg(long)]
        name: String,
        /// admin, operator, viewer or ingest
        #[arg(long)]
        role: String,
        /// Days until it ends; without this it does not end
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Set a new one-time password and print it
    Recover {
        /// The user's name
        #[arg(default_value = "admin")]
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and say what is wrong
    Check {
        #[command(flatten)]
        place: Place,
    },
    /// Print the configuration in force, with defaults
    Show {
        #[command(flatten)]
        place: Place,
    },
}

/// Where configuration and data lie.
#[derive(Clone, Debug, Args)]
struct Place {
    /// The configuration file; /etc/onemonitor/onemonitor.toml when it exists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn layers(&self, listen: Option<String>, tls: Option<String>) -> Result<Layers, ConfigError> {
        let (config, data_dir) = (self.config.clone(), self.data_dir.clone());
        let flags = Flags { config, data_dir, listen, tls };
        Layers::read(&flags, std::env::vars())
    }

    fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::from_file(&self.layers(None, None)?.merged)?)
    }
}

/// Why a command failed: one sentence for the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Parses the command line and does what it says; the exit status is 0 only on success.
#[must_use]
pub fn run() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(sentence)) => {
            let mut terminal = std::io::stderr();
            // Nothing is left to tell when standard error is closed too.
            drop(writeln!(terminal, "onemonitor: {sentence}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve { place, listen, tls } => {
            let layers = place.layers(listen, tls)?;
            serve::serve(&layers, &place)
        }
        Command::Backup { dest, place } => offline::backup(&place.settings()?, &dest),
        Command::Verify { dir } => offline::verify(&dir),
        Command::Token(TokenCommand::Create { name, role, expires_in_days, place }) => {
            offline::create_token(&place.settings()?, name, role, expires_in_days)
        }
        Command::User(UserCommand::Recover { name, place }) => {
            offline::recover_user(&place.settings()?, name)
        }
        Command::Config(ConfigCommand::Check { place }) => {
            let layers = place.layers(None, None)?;
            Settings::from_file(&layers.merged)?;
            print(&match layers.file {
                Some(file) => format!("{} is valid\n", file.display()),
                None => "no configuration file; the defaults are valid\n".to_owned(),
            })
        }
        Command::Config(ConfigCommand::Show { place }) => {
            print(&place.layers(None, None)?.merged.to_text()?)
        }
        Command::Openapi => print(&documents::openapi()?),
        Command::Completions { shell } => print(&documents::completions(shell, Cli::command())),
        Command::Man => print(&documents::manual(&Cli::command())?),
    }
}

/// Writes to standard output; a reader that went away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
