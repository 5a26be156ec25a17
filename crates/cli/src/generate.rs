//! `packhorse generate`: man pages and shell completions, made from the same definition as the help.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::{Cli, Generate, GenerateArgs};
use crate::exit::{self, Exit};
use crate::stdio::Output;

pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<Exit> {
    match &args.what {
        Generate::Man { dir: Some(dir) } => {
            write_pages(dir)?;
            Ok(Exit::Done)
        }
        Generate::Man { dir: None } => {
            let mut text = Vec::new();
            for (_, page) in pages()? {
                text.extend_from_slice(&page);
            }
            exit::filter(print(&text))
        }
        Generate::Completion { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "packhorse", &mut text);
            exit::filter(print(&text))
        }
    }
}

fn print(text: &[u8]) -> anyhow::Result<()> {
    Output::stdout()?.write_all(text).context("cannot write to standard output")
}

fn write_pages(dir: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write to {}; choose another --dir", dir.display());
    fs::create_dir_all(dir).with_context(cannot)?;
    for (name, page) in pages()? {
        fs::write(dir.join(name), page).with_context(cannot)?;
    }
    Ok(())
}

/// The file name and text of every page: the program's, and one a command.
fn pages() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command();
    // Gives every command its full name.
    program.build();
    let mut pages = Vec::new();
    collect(&program, &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    let page = Man::new(command.clone()).source(concat!("packhorse ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text).context("cannot make a man page")?;
    pages.push((page.get_filename(), text));
    command.get_subcommands().try_for_each(|child| collect(child, pages))
}
