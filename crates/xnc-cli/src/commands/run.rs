use anyhow::Result;

use crate::args;
use crate::say;

#[cfg(target_os = "linux")]
pub fn run(args: &args::Run) -> Result<()> {
    let command = std::env::current_exe()?;
    let beside = command.parent().unwrap_or(&command);
    let run = xnc_ggml::run::Run::new(&args.input, &args.program, beside)?;
    let host = run.ask()?;
    if args.print {
        let host = host.map_or("the program does not tell its ggml before it runs".into(), |host| {
            format!("the program's ggml is known: {host}")
        });
        return say::print(&format!("{}\n{host}", run.describe()));
    }
    run.start()
}

#[cfg(not(target_os = "linux"))]
pub fn run(_: &args::Run) -> Result<()> {
    Err(crate::exit::Failure::Usage("`xnc run` runs on Linux only".into()).into())
}
