//! `graven man`: prints or writes the manual pages, one for the program and one for each command.

use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::files;
use crate::shared::ui::Ui;

/// The arguments of `graven man`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write one page for each command into this directory, instead of printing the main page
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let mut program = crate::Cli::command();
    program.build();
    let Some(out) = &args.out else {
        let page = render(&program, "graven")?;
        if ui.json() {
            ui.object(&json!({"page": String::from_utf8_lossy(&page)}))?;
        } else {
            ui.bytes(&page)?;
        }
        return Ok(failure::OK);
    };
    files::create_dir(out)?;
    let mut written = Vec::new();
    for (name, command) in pages(&program) {
        let path = out.join(format!("{name}.1"));
        files::write(&path, &render(&command, &name)?)?;
        written.push(path.to_string_lossy().into_owned());
    }
    if ui.json() {
        ui.object(&json!({"written": written}))?;
    } else {
        ui.line(format_args!("wrote {} pages into {}", written.len(), out.display()))?;
    }
    Ok(failure::OK)
}

/// A command and all commands below it, each with the name of its page.
fn pages(program: &Command) -> Vec<(String, Command)> {
    let name = program.get_display_name().unwrap_or(program.get_name()).to_owned();
    let below = program.get_subcommands().filter(|command| command.get_name() != "help");
    let below = below.flat_map(pages);
    [(name, program.clone())].into_iter().chain(below).collect()
}

fn render(command: &Command, name: &str) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Failure::cannot(format_args!("cannot write the page of {name}: {error}")))?;
    Ok(page)
}
