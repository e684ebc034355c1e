//! Which compiled files serve which mailbox.
//!
//! A mailbox or workspace has a program of its own only for the entry files that stand in
//! its folder; for all others it is served by the storey above. Files that are inherited are
//! compiled once, and all programs share them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rhai::AST;

use super::super::layout::{self, Place};
use super::super::program::{Compiled, Program};
use super::super::view::ContextView;
use crate::domain::slug::Slug;

/// Whose scripts are asked.
pub(super) struct Whose {
    workspace: String,
    /// The slug.
    mailbox: String,
}

impl Whose {
    pub(super) fn of(context: &ContextView) -> Self {
        Self {
            workspace: context.workspace.clone(),
            mailbox: context.mailbox.slug.clone(),
        }
    }

    pub(super) fn named(workspace: &str, mailbox: &Slug) -> Self {
        Self {
            workspace: workspace.to_owned(),
            mailbox: mailbox.to_string(),
        }
    }
}

/// The programs of one entry file.
#[derive(Default)]
struct Served {
    all: Option<Program>,
    workspaces: HashMap<String, Program>,
    mailboxes: HashMap<String, Program>,
}

/// The programs of all entry files.
pub(in crate::script) struct Programs(BTreeMap<&'static str, Served>);

impl Programs {
    /// Of files by their names.
    pub(super) fn of(compiled: BTreeMap<&str, AST>) -> Self {
        let entries = compiled.into_iter().filter_map(|(name, ast)| {
            let (place, entry) = Place::of(name)?;
            Some((name, place, entry, Arc::new(Compiled::new(name, ast))))
        });
        let entries: Vec<_> = entries.collect();
        let files: HashMap<&str, &Arc<Compiled>> = entries
            .iter()
            .map(|(name, _, _, file)| (*name, file))
            .collect();
        let mut programs: BTreeMap<&'static str, Served> = BTreeMap::new();
        for (name, place, entry, file) in &entries {
            let parents = layout::parents(name);
            let above = parents
                .iter()
                .rev()
                .filter_map(|name| files.get(name.as_str()));
            let program = Program::new(above.copied().chain([file]).cloned().collect());
            let served = programs.entry(entry).or_default();
            match place {
                Place::Root => served.all = Some(program),
                Place::Workspace(name) => {
                    served.workspaces.insert((*name).to_owned(), program);
                }
                Place::Mailbox(slug) => {
                    served.mailboxes.insert((*slug).to_owned(), program);
                }
            }
        }
        Self(programs)
    }

    /// The nearest program of an entry file.
    pub(in crate::script) fn of_whom(&self, entry: &str, whose: &Whose) -> Option<&Program> {
        let served = self.0.get(entry)?;
        let nearest = served.mailboxes.get(&whose.mailbox);
        let nearest = nearest.or_else(|| served.workspaces.get(&whose.workspace));
        nearest.or(served.all.as_ref())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Program> {
        self.0.values().flat_map(|served| {
            let below = served.workspaces.values().chain(served.mailboxes.values());
            served.all.iter().chain(below)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::script::{Limits, Snapshot};

    #[test]
    fn a_hundred_mailboxes_share_what_they_inherit() {
        let mut root = "fn route(mail, ctx) { team(name()) }\nfn name() { \"all\" }\n".to_owned();
        for number in 0..50 {
            writeln!(root, "fn helper_{number}() {{ {number} }}").expect("written");
        }
        let mut files = vec![
            ("routing.rhai".to_owned(), root),
            (
                "signature.rhai".to_owned(),
                "fn signature(ctx) { \"\" }".to_owned(),
            ),
        ];
        for number in 0..100 {
            let name = format!("mailboxes/m{number}/routing.rhai");
            files.push((name, format!("fn name() {{ \"{number}\" }}")));
        }
        let snapshot = Snapshot::of(files, &Limits::default()).expect("right scripts");
        let served = &snapshot.programs.0;
        let all = served["routing.rhai"].all.as_ref().expect("there");
        let mailboxes = &served["routing.rhai"].mailboxes;
        assert_eq!(mailboxes.len(), 100);
        for program in mailboxes.values() {
            let [inherited, own] = program.chain() else {
                panic!("{} files", program.chain().len());
            };
            assert!(Arc::ptr_eq(inherited, &all.chain()[0]));
            assert_eq!(
                own.functions(),
                1,
                "nothing of what is inherited was copied"
            );
        }
        assert!(served["signature.rhai"].mailboxes.is_empty());
    }
}
