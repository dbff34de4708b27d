//! Completion scripts and manual pages, made from the arguments themselves.

use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::say;

pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "xnc", &mut script);
    say::print_bytes(&script)
}

pub fn pages(folder: Option<&Path>) -> Result<()> {
    match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            clap_mangen::generate_to(Args::command().name("xnc"), folder)
                .with_context(|| format!("cannot write pages into {}", folder.display()))
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Args::command().name("xnc")).render(&mut page)?;
            say::print_bytes(&page)
        }
    }
}
