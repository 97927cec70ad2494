//! Documents made from the program itself: API document, completions, manual page.

use clap::Command;
use clap_complete::Shell;

use super::Failure;

/// The OpenAPI document, as the server serves it.
pub(super) fn openapi() -> Result<String, Failure> {
    let mut text = crate::app::api_document().to_pretty_json()?;
    text.push('\n');
    Ok(text)
}

/// The completion script of a shell.
pub(super) fn completions(shell: Shell, mut command: Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "onemonitor", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page: the program and each of its subcommands in one page.
pub(super) fn manual(command: &Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render(&mut page)?;
    for subcommand in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        describe(&mut page, "onemonitor", subcommand)?;
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn describe(page: &mut Vec<u8>, parent: &str, command: &Command) -> Result<(), Failure> {
    let name = format!("{parent} {}", command.get_name());
    let nested: Vec<&Command> = command.get_subcommands().collect();
    if nested.is_empty() {
        let heading = format!(".SH \"{}\"\n", name.to_uppercase());
        page.extend_from_slice(heading.as_bytes());
        let man = clap_mangen::Man::new(command.clone().bin_name(&name));
        man.render_description_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
    }
    for subcommand in nested {
        describe(page, &name, subcommand)?;
    }
    Ok(())
}
