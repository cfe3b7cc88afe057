//! Completion scripts and manual pages, generated from the definition of the command line.

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Arguments;
use crate::program::Program;

/// Returns the completion script of a shell.
pub fn completions(program: Program, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = program.name();
    clap_complete::generate(shell, &mut Arguments::command().name(name), name, &mut script);
    program.in_help(&text(script)).into_owned()
}

/// Returns the manual pages, each with its file name: the program's, then one for each command.
pub fn pages(program: Program) -> Vec<(String, String)> {
    let mut command = Arguments::command().name(program.name());
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, &mut pages);
    let renamed = |(name, page): (String, String)| (name, program.in_help(&page).into_owned());
    pages.into_iter().map(renamed).collect()
}

fn add_pages(command: &Command, pages: &mut Vec<(String, String)>) {
    pages.push(page(command));
    let visible = |one: &&Command| !one.is_hide_set() && one.get_name() != "help";
    for inner in command.get_subcommands().filter(visible) {
        add_pages(inner, pages);
    }
}

fn page(command: &Command) -> (String, String) {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = man.render(&mut page);
    (man.get_filename(), text(page))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default().trim_end().to_owned()
}
