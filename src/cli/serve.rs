//! `serve` and `demo`: run until a signal.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::arguments::DemoOptions;
use super::say::say;
use crate::app::demo::{Demo, Options};
use crate::app::files;
use crate::app::gateway::Gateway;
use crate::app::log;
use crate::config::{Config, LogFormat};
use crate::control::message::{Answer, Request};

pub(super) fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let format = match config.log.format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    log::begin(format, &config.log.level).context("[log] level in the configuration")?;
    files::allow_many();
    let runtime = runtime()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        stop_on_signal(shutdown.clone())?;
        let gateway = Gateway::open(config, shutdown)?;
        let desk = gateway.desk();
        let nobody = desk
            .people
            .users(&crate::domain::user::Actor::Console)?
            .is_empty();
        let first_link = if nobody {
            Some(
                desk.carry_out(Request::LoginLink { address: None }, |_| {})
                    .await,
            )
        } else {
            None
        };
        gateway
            .run(|address| {
                say(format_args!("Postern answers at http://{address}"));
                if let Some(Answer::Made { words, secret }) = &first_link {
                    say(format_args!("{words}\n{}", secret.0));
                }
            })
            .await?;
        Ok(ExitCode::SUCCESS)
    })
}

pub(super) fn demo(options: &DemoOptions) -> anyhow::Result<ExitCode> {
    log::begin(log::Format::Text, "warn").context("log")?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        stop_on_signal(shutdown.clone())?;
        let options = Options {
            listen: options.listen,
            folder: options.folder.clone(),
            every_seconds: options.every,
        };
        let demo = Box::pin(Demo::begin(options, shutdown)).await?;
        demo.run(|told| say(told)).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The first signal asks everything to finish; a second one ends the process at once.
fn stop_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    tokio::spawn(async move {
        let mut wait = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        wait().await;
        shutdown.cancel();
        wait().await;
        eprintln!("postern: stopped at once; what was under way goes on at the next start");
        std::process::exit(130);
    });
    Ok(())
}
