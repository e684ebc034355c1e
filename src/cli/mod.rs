//! Commands for a terminal.
//!
//! Commands that change something are requests to the running gateway; when none
//! runs, the command opens the store itself and carries the same request out.
//! Exit codes: 0 done, 1 not done (the reason is on standard error), 2 wrong usage.
//! Deliberately absent: logic. This is the only room that prints.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this room talks to a terminal"
)]

mod arguments;
mod ask;
mod check;
mod lifecycle;
mod mailbox_options;
mod outbox;
mod password;
mod plugin;
mod replying;
mod say;
mod script;
mod serve;
mod threading;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

use self::arguments::{
    Arguments, Command, ConfigCommand, MailboxCommand, PluginCommand, TeamCommand, TokenCommand,
    UserCommand,
};
use crate::config::{Config, DEFAULT_PATH};
use crate::control::message::{LedgerAsked, Request};

/// Runs the command of this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("postern: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Command::Demo(options) = &arguments.command {
        return serve::demo(options);
    }
    let (config, path) = load(arguments.config.as_deref())?;
    match arguments.command {
        Command::Serve => serve::serve(config),
        Command::Demo(_) => unreachable!("handled above, before any configuration is read"),
        Command::Config(ConfigCommand::Check) => check::config(&config, path.as_deref()),
        Command::Script(command) => script::run(command, config, arguments.json),
        Command::Plugin(command) => match command {
            PluginCommand::List => plugin::list(&config, arguments.json),
            PluginCommand::New { id, extends } => plugin::new(&config, &id, extends.as_deref()),
            PluginCommand::Check {
                plugin,
                all,
                strict,
            } => plugin::check(&config, plugin.as_deref(), all, strict),
            PluginCommand::Classify {
                provider,
                protocol,
                text,
                hex,
            } => plugin::classify(&config, &provider, &protocol, &text, hex, arguments.json),
            PluginCommand::Schema => plugin::schema(),
        },
        Command::Mailbox(command) => {
            let request = mailbox_request(command)?;
            ask::ask(config, request, arguments.json)
        }
        Command::Outbox(command) => ask::ask(config, command.request(), arguments.json),
        Command::Doctor { mailbox } => {
            ask::ask(config, Request::Doctor { mailbox }, arguments.json)
        }
        Command::User(UserCommand::Add {
            address,
            name,
            role,
        }) => ask::ask(
            config,
            Request::UserAdd {
                address,
                name,
                role,
            },
            arguments.json,
        ),
        Command::User(UserCommand::Available { address, state }) => ask::ask(
            config,
            Request::UserAvailable {
                address,
                available: state == "on",
            },
            arguments.json,
        ),
        Command::User(UserCommand::LoginLink { address }) => {
            ask::ask(config, Request::LoginLink { address }, arguments.json)
        }
        Command::Team(TeamCommand::Add { name, members }) => {
            ask::ask(config, Request::TeamAdd { name, members }, arguments.json)
        }
        Command::Team(TeamCommand::Members { name, join, leave }) => ask::ask(
            config,
            Request::TeamMembers { name, join, leave },
            arguments.json,
        ),
        Command::Token(TokenCommand::Create { name, user }) => ask::ask(
            config,
            Request::TokenCreate {
                address: user,
                name,
            },
            arguments.json,
        ),
    }
}

fn mailbox_request(command: MailboxCommand) -> anyhow::Result<Request> {
    Ok(match command {
        MailboxCommand::List => Request::MailboxList,
        MailboxCommand::Suggest { address, preset } => Request::MailboxSuggest { address, preset },
        MailboxCommand::Add(options) => Request::MailboxAdd(Box::new(options.form()?)),
        MailboxCommand::Probe(options) => Request::MailboxProbe(Box::new(options.form()?)),
        MailboxCommand::Show { mailbox } => Request::MailboxShow { mailbox },
        MailboxCommand::Edit(options) => options.request()?,
        MailboxCommand::Reauthenticate(options) => options.request()?,
        MailboxCommand::Notices { limit } => Request::MailboxNotices { limit },
        MailboxCommand::ReauthenticateLink { mailbox } => {
            Request::MailboxReauthenticateLink { mailbox }
        }
        MailboxCommand::RotateAddress { mailbox } => Request::MailboxRotateAddress { mailbox },
        MailboxCommand::Unbind { mailbox } => Request::MailboxUnbind { mailbox },
        MailboxCommand::Bind(options) => options.bind()?,
        MailboxCommand::Export { mailbox, to } => lifecycle::export(mailbox, &to)?,
        MailboxCommand::Remove {
            mailbox,
            yes,
            with_conversations,
        } => Request::MailboxRemove {
            mailbox,
            confirmed: yes,
            with_conversations,
        },
        MailboxCommand::Refresh { mailbox } => Request::MailboxRefresh { mailbox },
        MailboxCommand::Offline { mailbox } => Request::MailboxOffline {
            mailbox,
            offline: true,
        },
        MailboxCommand::Log {
            mailbox,
            attempts: true,
            limit,
            ..
        } => Request::MailboxAttempts { mailbox, limit },
        MailboxCommand::Log {
            mailbox, on, off, ..
        } => Request::MailboxLog {
            mailbox,
            on: (on || off).then_some(on),
        },
        MailboxCommand::Ledger {
            mailbox,
            search,
            message_id,
            since,
            before,
            limit,
        } => Request::MailboxLedger(Box::new(LedgerAsked {
            mailbox,
            search,
            message_id,
            since,
            before,
            limit,
        })),
        MailboxCommand::Count { mailbox } => Request::MailboxCount { mailbox },
        MailboxCommand::Collect {
            mailbox,
            since,
            dry_run,
        } => Request::MailboxCollect {
            mailbox,
            since,
            dry_run,
        },
        MailboxCommand::Fetch {
            mailbox,
            message_id,
        } => Request::MailboxFetch {
            mailbox,
            message_id,
        },
        MailboxCommand::Test { mailbox } => Request::MailboxTest { mailbox },
        MailboxCommand::Canary { mailbox, every, .. } => Request::MailboxCanary {
            mailbox,
            every_seconds: every.map(|minutes| minutes.saturating_mul(60)),
        },
        MailboxCommand::Online { mailbox } => Request::MailboxOffline {
            mailbox,
            offline: false,
        },
    })
}

/// The named file, or the usual one where it exists, or the defaults in `config/`.
fn load(named: Option<&Path>) -> anyhow::Result<(Config, Option<PathBuf>)> {
    let path = named.unwrap_or_else(|| Path::new(DEFAULT_PATH));
    if named.is_none() && !path.exists() {
        return Ok((Config::defaults_in(Path::new("config")), None));
    }
    Ok((Config::load(path)?, Some(path.to_owned())))
}
