//! All plugins together: who extends whom, who takes whose place, who answers for which
//! domain. Immutable; a reload makes another one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::claims::claim;
use super::classify::{classify, decode};
use super::examples::{Example, Expected};
use super::facts::{self, Named};
use super::guide::{Guide, Language};
use super::problem::Problem;
use super::reading::{HookCheck, HookFile, Read};
use super::source::PluginFolder;
use crate::domain::mailbox::OTHER_PRESET;
use crate::domain::preset::{Preset, SignInMethod};
use crate::domain::refusal::{Dialogue, Verdict};

/// Plugins that extend one another, in a row.
const EXTENDS_MAX: usize = 8;

/// One plugin, ready for use.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// What it says.
    pub preset: Preset,
    /// It came with the program.
    pub shipped: bool,
    /// Whom it extends.
    pub extends: Option<String>,
    /// Whose place it takes.
    pub replaces: Option<String>,
    /// Its own `hooks.rhai`, or that of the plugin it extends.
    pub hooks: Option<HookFile>,
    /// `icon.svg`.
    pub icon: Option<String>,
    /// What its author expects.
    pub examples: Vec<Example>,
    /// Mails of its tests.
    pub mails: BTreeMap<String, Vec<u8>>,
    guides: Vec<(Language, Guide)>,
    /// What is worth mending in its guides.
    remarks: Vec<Problem>,
    sources: usize,
    shown: String,
}

/// All plugins.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    plugins: BTreeMap<String, Arc<Plugin>>,
    /// Who takes whose place.
    replaced: HashMap<String, String>,
    domains: HashMap<String, String>,
    mx: Vec<(String, String)>,
}

impl Plugin {
    fn of(read: &Read, preset: Preset) -> Self {
        let file = |name: &str| read.folder.files.get(name).cloned();
        let named = |named: &Option<Named>| named.as_ref().map(|named| named.name.clone());
        Self {
            preset,
            shipped: read.folder.shipped,
            extends: named(&read.facts.extends),
            replaces: named(&read.facts.replaces),
            hooks: None,
            icon: file("icon.svg"),
            examples: read.examples.clone(),
            mails: read.folder.mails.clone(),
            guides: Vec::new(),
            remarks: read.remarks.clone(),
            sources: read.facts.sources,
            shown: read.folder.shown.clone(),
        }
    }

    /// Its guide; the English one where there is no other.
    #[must_use]
    pub fn guide(&self, language: Language) -> Option<&Guide> {
        let of = |language| self.guides.iter().find(|(one, _)| *one == language);
        let found = of(language).or_else(|| of(Language::English));
        found.map(|(_, guide)| guide)
    }

    /// What an author should mend before others use it.
    #[must_use]
    pub fn check(&self, catalogue: &Catalogue, strict: bool) -> Vec<Problem> {
        let file = format!("{}/plugin.toml", self.shown);
        let mut found = self.remarks.clone();
        let mut remark = |words: &str| found.push(Problem::of_file(&file, words).as_warning());
        if self.preset.settings_url.is_none() && self.preset.id != OTHER_PRESET {
            remark("settings_url is missing: where people make the code");
        }
        if self.sources == 0 && strict {
            remark("source is empty: say where hosts and texts are from");
        }
        if self.preset.takes(SignInMethod::OAuth2) && self.preset.sign_in.oauth.is_none() {
            remark("oauth2 is among the methods, and there is no [oauth]");
        }
        if self.examples.is_empty() && strict {
            remark("tests.toml is missing or empty: give each failure a text");
        }
        for named in &self.preset.unverified {
            let key = named.split(['.', '(']).next().unwrap_or_default();
            if !facts::UNVERIFIABLE.contains(&key) {
                let words = format!(
                    "unverified names {named:?}; write a key of this file such as \
                     \"smtp.files_sent\", or \"guide\""
                );
                remark(&words);
            }
        }
        let guides = [Language::English, Language::Chinese];
        for language in guides {
            let own = self.guides.iter().find(|(one, _)| *one == language);
            if own.is_some_and(|(_, guide)| !guide.links()) && self.preset.settings_url.is_some() {
                let words = "no section links to the provider's page";
                let file = format!("{}/{}", self.shown, language.file());
                found.push(Problem::of_file(file, words).as_warning());
            }
            let Some((_, guide)) = own.filter(|_| strict) else {
                continue;
            };
            for heading in guide.unwritten_sections(language) {
                let words = format!("{heading:?} still says what a new plugin says; write it");
                let file = format!("{}/{}", self.shown, language.file());
                found.push(Problem::of_file(file, words).as_warning());
            }
        }
        found.extend(self.failed_examples(catalogue));
        found
    }

    /// The name of one of its files, for people.
    #[must_use]
    pub fn shown(&self, file: &str) -> String {
        format!("{}/{file}", self.shown)
    }

    /// Texts whose meaning is another than expected.
    fn failed_examples(&self, catalogue: &Catalogue) -> Vec<Problem> {
        let file = format!("{}/tests.toml", self.shown);
        let wrong = self.examples.iter().filter_map(|example| {
            let Expected::Failure {
                dialogue,
                bytes,
                class,
            } = &example.expected
            else {
                return None;
            };
            let text = decode(bytes);
            let verdict = catalogue.judge(&self.preset, *dialogue, &text);
            let words = match verdict {
                Some(verdict) if verdict.class == *class => return None,
                Some(verdict) => format!(
                    "{text:?} means {}, by {}; expected is {}",
                    verdict.class.name(),
                    verdict.rule,
                    class.name()
                ),
                None => format!("{text:?} means nothing; expected is {}", class.name()),
            };
            Some(Problem {
                at: Some((example.line, 1)),
                ..Problem::of_file(&file, words)
            })
        });
        wrong.collect()
    }
}

impl Catalogue {
    /// Joins plugins. What is wrong keeps one plugin out and leaves the others.
    #[must_use]
    pub fn build(folders: Vec<PluginFolder>, check: HookCheck) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut read: BTreeMap<String, Read> = BTreeMap::new();
        for folder in folders {
            match Read::of(folder, check) {
                Ok(one) => {
                    if let Some(other) = read.get(&one.facts.id) {
                        let words = format!(
                            "the id {:?} belongs to {}; to change that one, choose another id and \
                             write replaces = {:?}",
                            one.facts.id, other.folder.shown, one.facts.id
                        );
                        problems.push(Problem::of_file(one.file(), words));
                    } else {
                        read.insert(one.facts.id.clone(), one);
                    }
                }
                Err(found) => problems.extend(found),
            }
        }
        let mut catalogue = Self::default();
        catalogue.resolve_all(&read, &mut problems);
        catalogue.note_claims(&read, &mut problems);
        (catalogue, problems)
    }

    fn resolve_all(&mut self, read: &BTreeMap<String, Read>, problems: &mut Vec<Problem>) {
        for one in read.values() {
            match resolve(one, read, 0) {
                Ok(preset) => {
                    if let Some(replaced) = &one.facts.replaces {
                        self.note_replacement(one, replaced, read, problems);
                    }
                    let mut plugin = Plugin::of(one, preset);
                    plugin.hooks = inherited(one, read, |one| one.hooks.clone());
                    let guides =
                        |one: &Read| Some(one.guides.clone()).filter(|own| !own.is_empty());
                    plugin.guides = inherited(one, read, guides).unwrap_or_default();
                    self.plugins.insert(one.facts.id.clone(), Arc::new(plugin));
                }
                Err(problem) => problems.push(problem),
            }
        }
    }

    fn note_replacement(
        &mut self,
        one: &Read,
        replaced: &Named,
        read: &BTreeMap<String, Read>,
        problems: &mut Vec<Problem>,
    ) {
        if !read.contains_key(&replaced.name) {
            let words = format!(
                "there is no plugin {:?} to take the place of",
                replaced.name
            );
            problems.push(one.problem(replaced, words));
        } else if let Some(other) = self.replaced.get(&replaced.name) {
            let words = format!("{:?} is replaced by {other:?} already", replaced.name);
            problems.push(one.problem(replaced, words));
        } else {
            self.replaced
                .insert(replaced.name.clone(), one.facts.id.clone());
        }
    }

    /// Who answers for which domain and which MX host.
    fn note_claims(&mut self, read: &BTreeMap<String, Read>, problems: &mut Vec<Problem>) {
        let mut mx = HashMap::new();
        // Shipped ones first, and then those that stand for one: what was there is never
        // blamed for what was added.
        let mut plugins: Vec<_> = self.plugins.clone().into_iter().collect();
        plugins.sort_by_key(|(_, plugin)| {
            let stands_alone = plugin.extends.is_none() && plugin.replaces.is_none();
            (!plugin.shipped, stands_alone)
        });
        for (id, plugin) in plugins {
            if self.replaced.contains_key(&id) {
                continue;
            }
            let Some(one) = read.get(&id) else { continue };
            for (names, own, kind, claims) in [
                (
                    &plugin.preset.domains,
                    &one.facts.domains,
                    "domain",
                    &mut self.domains,
                ),
                (&plugin.preset.mx, &one.facts.mx, "MX host", &mut mx),
            ] {
                for name in names {
                    claim(claims, name, one, own.as_ref(), kind, read, problems);
                }
            }
        }
        self.mx = mx.into_iter().collect();
        // The longest end of a name wins.
        self.mx
            .sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
    }

    /// Every plugin that is in use, by id; replaced ones are left out.
    pub fn iter(&self) -> impl Iterator<Item = &Plugin> {
        let used = |id: &&String| !self.replaced.contains_key(id.as_str());
        let ids = self.plugins.keys().filter(used);
        ids.filter_map(|id| self.plugins.get(id).map(AsRef::as_ref))
    }

    /// A plugin, or who takes its place.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Plugin> {
        let id = self.replaced.get(id).map_or(id, String::as_str);
        self.plugins.get(id).map(AsRef::as_ref)
    }

    /// The provider of a domain.
    #[must_use]
    pub fn by_domain(&self, domain: &str) -> Option<&Plugin> {
        self.get(self.domains.get(&domain.to_lowercase())?)
    }

    /// The provider of an MX host: the longest end of its name that somebody knows.
    #[must_use]
    pub fn by_mx(&self, host: &str) -> Option<&Plugin> {
        let host = host.trim_end_matches('.').to_lowercase();
        let ends = |end: &str| {
            host.strip_suffix(end)
                .is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        let (_, id) = self.mx.iter().find(|(end, _)| ends(end))?;
        self.get(id)
    }

    /// What words of a provider's server mean; `None` when nobody knows.
    #[must_use]
    pub fn classify(&self, preset: &str, dialogue: Dialogue, text: &str) -> Option<Verdict> {
        match self.get(preset) {
            Some(plugin) => self.judge(&plugin.preset, dialogue, text),
            None => classify(self.general(), dialogue, text),
        }
    }

    fn judge(&self, preset: &Preset, dialogue: Dialogue, text: &str) -> Option<Verdict> {
        let general = self.general().filter(|_| preset.id != OTHER_PRESET);
        classify(preset.failures.iter().chain(general), dialogue, text)
    }

    /// Rules that hold whatever the provider.
    fn general(&self) -> impl Iterator<Item = &crate::domain::preset::FailureRule> {
        let other = self.get(OTHER_PRESET);
        other.into_iter().flat_map(|plugin| &plugin.preset.failures)
    }
}

/// Its own, or that of the plugin it extends.
fn inherited<T>(
    one: &Read,
    all: &BTreeMap<String, Read>,
    own: impl Fn(&Read) -> Option<T>,
) -> Option<T> {
    let mut next = Some(one);
    for _ in 0..=EXTENDS_MAX {
        let read = next?;
        if let Some(found) = own(read) {
            return Some(found);
        }
        let base = read.facts.extends.as_ref();
        next = base.and_then(|named| all.get(&named.name));
    }
    None
}

fn resolve(one: &Read, all: &BTreeMap<String, Read>, depth: usize) -> Result<Preset, Problem> {
    let base = match &one.facts.extends {
        None => None,
        Some(named) => {
            let base = all.get(&named.name).ok_or_else(|| {
                one.problem(
                    named,
                    format!("there is no plugin {:?} to extend", named.name),
                )
            })?;
            if depth >= EXTENDS_MAX {
                let words = "plugins extend each other in a circle, or too deep";
                return Err(one.problem(named, words.to_owned()));
            }
            Some(resolve(base, all, depth + 1)?)
        }
    };
    Ok(one.facts.clone().resolve(base.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::FailureClass;

    fn folder(name: &str, rest: &str) -> PluginFolder {
        let text = format!("format = 1\nid = {name:?}\n{rest}");
        PluginFolder {
            name: name.to_owned(),
            shown: name.to_owned(),
            files: [("plugin.toml", text)].into(),
            ..PluginFolder::default()
        }
    }

    const IMAP: &str = "[imap]\nhost = \"imap.qq.com\"\nport = 993\nsecurity = \"tls\"\n";

    fn build(folders: &[(&str, &str)]) -> (Catalogue, Vec<String>) {
        let folders = folders.iter().map(|(name, rest)| folder(name, rest));
        let (catalogue, problems) = Catalogue::build(folders.collect(), |_| Vec::new());
        (
            catalogue,
            problems.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn a_plugin_without_a_guide_has_that_of_the_one_it_extends() {
        let mut base = folder("a", IMAP);
        base.files
            .insert("guide.en.md", "# A\n\n## Before\n\nHave it.\n".to_owned());
        let folders = vec![base, folder("b", "extends = \"a\"\n")];
        let (catalogue, _) = Catalogue::build(folders, |_| Vec::new());
        let own = catalogue.get("b").expect("a plugin");
        let guide = own.guide(Language::Chinese).expect("a guide");
        let before = guide.section(crate::plugin::Section::Before);
        assert_eq!(before.map(str::trim), Some("Have it."));
    }

    #[test]
    fn a_plugin_can_take_anothers_place_and_keep_its_data() {
        let qq = format!("domains = [\"qq.com\"]\nmx = [\"mx1.qq.com\"]\n{IMAP}");
        let ours = "extends = \"qq\"\nreplaces = \"qq\"\n[[failure]]\nprotocol = \"imap\"\ntext = \"no\"\nclass = \"policy\"\n";
        let (catalogue, problems) = build(&[("qq", &qq), ("qq-ours", ours)]);
        assert_eq!(problems, Vec::<String>::new());
        for found in [
            catalogue.get("qq"),
            catalogue.by_domain("QQ.com"),
            catalogue.by_mx("mx1.qq.com."),
        ] {
            let found = &found.expect("a plugin").preset;
            assert_eq!(found.id, "qq-ours");
            assert!(found.imap.is_some());
        }
        let verdict = catalogue
            .classify("qq", Dialogue::Imap, "NO")
            .expect("known");
        assert_eq!(verdict.class, FailureClass::Policy);
        assert_eq!(verdict.rule, "qq-ours/plugin.toml:6");
        assert_eq!(catalogue.iter().count(), 1);
    }

    #[test]
    fn the_longest_mx_end_wins_and_only_at_a_dot() {
        let (catalogue, _) = build(&[
            ("big", "mx = [\"google.com\"]\n"),
            ("small", "mx = [\"aspmx.l.google.com\"]\n"),
        ]);
        let id = |host| {
            catalogue
                .by_mx(host)
                .map(|plugin| plugin.preset.id.as_str())
        };
        assert_eq!(id("alt1.aspmx.l.google.com"), Some("small"));
        assert_eq!(id("smtp.google.com"), Some("big"));
        assert_eq!(id("notgoogle.com"), None);
    }

    #[test]
    fn what_two_claim_is_refused_with_its_place() {
        let (_, problems) = build(&[
            ("a", "domains = [\"x.org\"]\n"),
            ("b", "domains = [\n  \"x.org\"]\n"),
        ]);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0]
                .starts_with("b/plugin.toml:4:3: the domain \"x.org\" belongs to the plugin \"a\""),
            "{problems:?}"
        );
    }

    #[test]
    fn a_plugin_of_ones_own_never_takes_what_a_shipped_one_has() {
        let mut shipped = folder("qq", &format!("domains = [\"qq.com\"]\n{IMAP}"));
        shipped.shipped = true;
        // Its id comes first by the alphabet.
        let own = folder("acme", &format!("domains = [\"qq.com\"]\n{IMAP}"));
        let (catalogue, problems) = Catalogue::build(vec![shipped, own], |_| Vec::new());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0]
                .to_string()
                .starts_with("acme/plugin.toml:3:12: "),
            "{}",
            problems[0]
        );
        assert_eq!(catalogue.by_domain("qq.com").unwrap().preset.id, "qq");

        let mut shipped = folder("qq", &format!("domains = [\"qq.com\"]\n{IMAP}"));
        shipped.shipped = true;
        let own = folder("acme", &format!("domains = [\"qq.com\"]\n{IMAP}"));
        let stands_for_it = folder("qq-ours", "extends = \"qq\"\nreplaces = \"qq\"\n");
        let (catalogue, problems) =
            Catalogue::build(vec![shipped, own, stands_for_it], |_| Vec::new());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0]
                .to_string()
                .starts_with("acme/plugin.toml:3:12: "),
            "{}",
            problems[0]
        );
        assert_eq!(catalogue.by_domain("qq.com").unwrap().preset.id, "qq-ours");
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        for (rest, expected) in [
            ("domain = []\n", "b/plugin.toml:3:1: unknown field `domain`"),
            (
                "domains = [\"X.org\"]\n",
                "b/plugin.toml:3:12: \"X.org\" is no domain",
            ),
            (
                "settings_url = \"ftp://x\"\n",
                "b/plugin.toml:3:16: \"ftp://x\" is no address",
            ),
            (
                "extends = \"nobody\"\n",
                "b/plugin.toml:3:11: there is no plugin \"nobody\"",
            ),
            (
                "extends = \"b\"\n",
                "b/plugin.toml:3:11: plugins extend each other",
            ),
            (
                "[imap]\nhost = \"https://x\"\nport = 993\nsecurity = \"tls\"\n",
                "b/plugin.toml:4:8: \"https://x\" is no host",
            ),
            (
                "[imap]\nhost = \"x\"\nport = 993\nsecurity = \"ssl\"\n",
                "b/plugin.toml:6:12: unknown variant `ssl`",
            ),
            (
                "[[failure]]\nprotocol = \"imap\"\npattern = \"(\"\nclass = \"policy\"\n",
                "b/plugin.toml:5:11: this pattern cannot be used",
            ),
            (
                "[[failure]]\nprotocol = \"imap\"\nclass = \"policy\"\n",
                "b/plugin.toml:4:12: a failure has either",
            ),
            (
                "[imap]\nhost = \"x\"\nport = 99999\nsecurity = \"tls\"\n",
                "b/plugin.toml:5:8: ",
            ),
        ] {
            let (_, problems) = build(&[("b", rest)]);
            assert_eq!(problems.len(), 1, "{rest}: {problems:?}");
            assert!(problems[0].starts_with(expected), "{rest}: {problems:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_file_stops_it(text in ".{0,400}") {
            let mut folder = folder("a", &text);
            folder.files.insert("guide.en.md", text.clone());
            folder.files.insert("tests.toml", text);
            let _any = Catalogue::build(vec![folder], |_| Vec::new());
        }
    }
}
