//! The scripts and the services around them.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::Gateway;
use crate::config::Config;
use crate::domain::change::Event;
use crate::domain::key::WorkspaceKey;
use crate::script::{Limits, Reloaded, Scripts};
use crate::service::asking::Asking;
use crate::service::clock::Clock;
use crate::service::composing::Composing;
use crate::service::console::Console;
use crate::service::conversations::Conversations;
use crate::service::random::Random;
use crate::service::rehearsal::Rehearsals;
use crate::service::script_editing::{EditingOptions, ScriptEditing};
use crate::service::script_testing;
use crate::service::timers::Timers;
use crate::service::triage::Triage;
use crate::store::Store;

impl Gateway {
    /// Reads the scripts for the first time.
    pub(super) fn open_scripts(config: &Config, zone: &TimeZone) -> Scripts {
        let time_max = config.script_time_max();
        let demand = || script_testing::demand(zone.clone(), time_max);
        let demand = config.scripts.require_tests.then(demand);
        let limits = Limits {
            time_max,
            ..Limits::default()
        };
        Scripts::demanding(&config.scripts.folder, limits, demand)
    }

    /// Its memory is that of its clones, so it is made once.
    pub(super) fn open_asking(
        config: &Config,
        store: &Store,
        scripts: &Scripts,
        clock: &Clock,
        zone: &TimeZone,
    ) -> Asking {
        let asking = Asking::new(store.clone(), scripts.clone(), clock.clone(), zone.clone());
        asking.falling_back(config.scripts.fall_back)
    }

    pub(super) fn triage(&self) -> Triage {
        Triage::new(
            self.store.clone(),
            self.asking.clone(),
            self.presets.clone(),
            self.board.clone(),
            self.clock.clone(),
        )
    }

    pub(super) fn timers(&self) -> Timers {
        Timers::new(
            self.store.clone(),
            self.asking.clone(),
            self.board.clone(),
            self.clock.clone(),
        )
    }

    pub(super) fn composing(&self) -> Composing {
        Composing::new(
            self.store.clone(),
            self.asking.clone(),
            self.board.clone(),
            self.clock.clone(),
        )
    }

    /// Tells listeners of the feed that scripts were reloaded or refused.
    pub(super) fn on_scripts(&self) -> impl FnMut(&Reloaded) + Send + 'static + use<> {
        let (store, clock, asking, tasks) = (
            self.store.clone(),
            self.clock.clone(),
            self.asking.clone(),
            tokio::runtime::Handle::current(),
        );
        let scripts = self.scripts.clone();
        move |reloaded| {
            let (store, now) = (store.clone(), clock.now());
            if matches!(reloaded, Reloaded::Live(_)) {
                scripts.note_live(now);
                asking.forget_failures();
            }
            tasks.spawn(async move {
                if let Err(error) = store.note_change(WorkspaceKey::DEFAULT, Event::ScriptsChanged, now).await {
                    tracing::warn!(%error, "the reload of the scripts could not be written to the feed");
                }
            });
        }
    }

    pub(super) fn scripts_folder(&self) -> PathBuf {
        self.config.scripts.folder.clone()
    }

    /// Its turns are those of its clones, so it is made once.
    pub(super) fn script_editing(&self) -> ScriptEditing {
        let config = &self.config.scripts;
        let options = EditingOptions {
            allowed: config.edit_on_page,
            require_tests: config.require_tests,
            zone: self.zone.clone(),
            script_time_max: self.config.script_time_max(),
        };
        ScriptEditing::new(self.store.clone(), self.scripts.clone(), Random, options)
    }

    pub(super) fn console(&self, editing: &ScriptEditing) -> Console {
        Console::new(
            self.store.clone(),
            Conversations::new(self.store.clone(), self.clock.clone(), Random),
            editing.clone(),
            self.scripts.clone(),
            self.zone.clone(),
            self.config.script_time_max(),
        )
    }

    pub(super) fn rehearsals(&self) -> Rehearsals {
        Rehearsals::new(
            self.store.clone(),
            self.mailboxes(),
            self.scripts.clone(),
            self.zone.clone(),
            self.config.script_time_max(),
            self.rehearsing.clone(),
        )
    }
}
