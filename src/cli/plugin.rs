//! Commands for plugin authors. They need no gateway: the shipped plugins are compiled
//! in, and the installation's are read from their folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::say::say;
use crate::config::Config;
use crate::plugin::{
    self, Catalogue, Language, Plugin, PluginFolder, Problem, SECTIONS, Severity, bytes_of_hex,
    dialogue_of,
};
use crate::service::hooks;

/// Every plugin of the installation and what is wrong with them.
fn all(config: &Config) -> (Catalogue, Vec<Problem>) {
    let (own, mut problems) = plugin::read_folder(&config.plugins.folder);
    let (catalogue, wrong) = Catalogue::build([plugin::shipped(), own].concat(), hooks::check);
    problems.extend(wrong);
    (catalogue, problems)
}

pub(super) fn list(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let (catalogue, problems) = all(config);
    for plugin in catalogue.iter() {
        let preset = &plugin.preset;
        if json {
            let row = serde_json::json!({
                "id": preset.id,
                "name": { "en": preset.name.en, "zh": preset.name.zh },
                "domains": preset.domains,
                "shipped": plugin.shipped,
                "overlay": preset.overlay,
                "verified": preset.verified,
                "extends": plugin.extends,
                "replaces": plugin.replaces,
            });
            say(row);
            continue;
        }
        let from = if plugin.shipped { "" } else { "  (own)" };
        let domains = if preset.overlay {
            "(lies over the provider of the address)".to_owned()
        } else {
            preset.domains.join(", ")
        };
        say(format_args!(
            "{:<20} {:<34} {domains}{from}",
            preset.id, preset.name.en
        ));
    }
    told(&problems)
}

/// Prints problems; tells whether any keeps a plugin out.
fn told(problems: &[Problem]) -> anyhow::Result<ExitCode> {
    for problem in problems {
        let weight = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        eprintln!("{problem} ({weight})");
    }
    let wrong = problems.iter().any(|one| one.severity == Severity::Error);
    Ok(if wrong {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

pub(super) fn check(
    config: &Config,
    which: Option<&str>,
    every: bool,
    strict: bool,
) -> anyhow::Result<ExitCode> {
    let (catalogue, mut problems, chosen) = match which.map(Path::new) {
        Some(path) if path.join("plugin.toml").is_file() => {
            let folder =
                plugin::read_plugin(path).map_err(|problem| anyhow::anyhow!("{problem}"))?;
            let id = folder.name.clone();
            let (catalogue, mut problems) = with(config, folder);
            problems.retain(|problem| problem.file.starts_with(&path.display().to_string()));
            (catalogue, problems, vec![id])
        }
        _ => {
            let (catalogue, mut problems) = all(config);
            let chosen: Vec<String> = match which {
                Some(id) => {
                    let Some(one) = catalogue.get(id) else {
                        // Perhaps it is there, and this is why it was left out.
                        told(&problems)?;
                        bail!("there is no plugin {id:?}, and no folder {id} with a plugin.toml")
                    };
                    let folder = one.shown("");
                    problems.retain(|problem| problem.file.starts_with(&folder));
                    vec![id.to_owned()]
                }
                None if every => catalogue.iter().map(|one| one.preset.id.clone()).collect(),
                None => bail!("name a plugin or its folder, or write --all"),
            };
            (catalogue, problems, chosen)
        }
    };
    let mut tried = Vec::with_capacity(chosen.len());
    for id in &chosen {
        let mut found = match catalogue.get(id) {
            Some(one) => {
                let mut found = one.check(&catalogue, strict);
                found.extend(hooks::failed_examples(one));
                found
            }
            None => Vec::new(),
        };
        if strict {
            every_one_counts(&mut found);
        }
        tried.push(found);
    }
    if strict {
        every_one_counts(&mut problems);
    }
    let (right, of) = counted(&problems, &tried);
    problems.extend(tried.into_iter().flatten());
    let code = told(&problems)?;
    say(format_args!("{right} of {of} plugins are right."));
    Ok(code)
}

fn every_one_counts(problems: &mut [Problem]) {
    for problem in problems {
        problem.severity = Severity::Error;
    }
}

/// How many plugins are right, and of how many. `kept_out` was found while they were read;
/// a folder with an error there is one that nobody can try. Warnings make nothing wrong.
fn counted(kept_out: &[Problem], tried: &[Vec<Problem>]) -> (usize, usize) {
    let is_error = |problem: &&Problem| problem.severity == Severity::Error;
    let folder = |problem: &Problem| {
        let path = Path::new(&problem.file);
        let folder = match path.extension() {
            Some(_) => path.parent(),
            None => None,
        };
        folder.unwrap_or(path).to_owned()
    };
    let out: BTreeSet<PathBuf> = kept_out.iter().filter(is_error).map(folder).collect();
    let wrong = |found: &&Vec<Problem>| found.iter().any(|problem| is_error(&problem));
    match tried {
        // Only what concerns it was kept.
        [one] => (usize::from(out.is_empty() && !wrong(&one)), 1),
        many => {
            let right = many.iter().filter(|found| !wrong(found)).count();
            (right, many.len() + out.len())
        }
    }
}

/// The catalogue with one folder in the place of the plugin of that name.
fn with(config: &Config, folder: PluginFolder) -> (Catalogue, Vec<Problem>) {
    let (own, _) = plugin::read_folder(&config.plugins.folder);
    let others = [plugin::shipped(), own].concat();
    let mut folders: Vec<PluginFolder> = others
        .into_iter()
        .filter(|other| other.name != folder.name)
        .collect();
    folders.push(folder);
    Catalogue::build(folders, hooks::check)
}

pub(super) fn classify(
    config: &Config,
    provider: &str,
    protocol: &str,
    text: &str,
    hex: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let dialogue = dialogue_of(protocol).with_context(|| {
        format!("{protocol:?} is no protocol; write imap, pop3, smtp-login or smtp")
    })?;
    let text = if hex {
        let bytes = bytes_of_hex(text).context("the text is no pairs of hexadecimal digits")?;
        plugin::decode(&bytes)
    } else {
        text.to_owned()
    };
    let (catalogue, _) = all(config);
    let plugin = catalogue.get(provider).with_context(|| {
        format!("there is no plugin {provider:?}; `postern plugin list` shows them")
    })?;
    let verdict = catalogue
        .classify(provider, dialogue, &text)
        .or_else(|| hooks::verdict(plugin, dialogue, &text));
    let Some(verdict) = verdict else {
        say(format_args!("No rule knows {text:?}."));
        return Ok(ExitCode::FAILURE);
    };
    let may_be: Vec<&str> = verdict.may_be.iter().map(|class| class.name()).collect();
    if json {
        let row = serde_json::json!({
            "class": verdict.class.name(),
            "may_be": may_be,
            "rule": verdict.rule,
            "advice": verdict.advice.map(|advice| serde_json::json!({"en": advice.en, "zh": advice.zh})),
        });
        say(row);
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("class   {}", verdict.class.name()));
    if !may_be.is_empty() {
        say(format_args!("may be  {}", may_be.join(", ")));
    }
    say(format_args!("rule    {}", verdict.rule));
    if let Some(advice) = &verdict.advice {
        say(format_args!("advice  {}\n        {}", advice.en, advice.zh));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn schema() -> anyhow::Result<ExitCode> {
    say(serde_json::to_string_pretty(&plugin::schema())?);
    Ok(ExitCode::SUCCESS)
}

/// Makes the folder of a new plugin that passes `plugin check` as it is.
pub(super) fn new(config: &Config, id: &str, extends: Option<&str>) -> anyhow::Result<ExitCode> {
    if !plugin::is_id(id) {
        bail!("{id:?} is no name of a plugin; write lower-case letters, digits and hyphens");
    }
    let (catalogue, _) = all(config);
    if catalogue.get(id).is_some() {
        bail!(
            "there is a plugin {id:?} already; choose another name, and --extends {id} to start \
             from it"
        );
    }
    let base = match extends {
        Some(base) => Some(catalogue.get(base).with_context(|| {
            format!("there is no plugin {base:?} to extend; `postern plugin list` shows them")
        })?),
        None => None,
    };
    let folder = config.plugins.folder.join(id);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    write(&folder, "plugin.toml", &plugin_toml(id, base))?;
    if base.is_none() {
        for language in [Language::English, Language::Chinese] {
            write(&folder, language.file(), &guide(language))?;
        }
        let tests = "# What your plugin must understand; `postern plugin check` tries it.\n\
                     [[failure]]\nprotocol = \"imap\"\ntext = \"NO the code has ended\"\nclass = \"authorization_expired\"\n";
        write(&folder, "tests.toml", tests)?;
    }
    say(format_args!(
        "{} is made. Change it, then:",
        folder.display()
    ));
    say(format_args!("  postern plugin check {}", folder.display()));
    say("A running gateway uses it as soon as it is saved.");
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn plugin_toml(id: &str, base: Option<&Plugin>) -> String {
    if let Some(base) = base {
        let base = &base.preset.id;
        return format!(
            "format = 1\nid = {id:?}\n\
             # Everything that is not said here is as {base} has it.\nextends = {base:?}\n\
             # Remove this line to leave {base} in its place beside yours.\nreplaces = {base:?}\n\
             source = [\"our own settings\"]\n"
        );
    }
    format!(
        r#"format = 1
id = "{id}"
name = {{ en = "{id}", zh = "{id}" }}
# Addresses of these domains are recognised.
domains = ["{id}.example"]
# Ends of the names of its MX hosts, for customers' own domains.
mx = ["mx.{id}.example"]
# Where people make the code.
settings_url = "https://mail.{id}.example/settings"
# Where you have hosts and texts from; `plugin check --strict` asks for it.
source = []

[imap]
host = "imap.{id}.example"
port = 993
security = "tls"

[smtp]
host = "smtp.{id}.example"
port = 465
security = "tls"
files_sent = "unknown"

[sign_in]
methods = ["authorization_code"]

# What its refusals mean, tried from top to bottom.
[[failure]]
protocol = "imap"
text = "the code has ended"
class = "authorization_expired"
advice = {{ en = "Make a new code on the settings page", zh = "请在设置页面重新生成授权码" }}
"#
    )
}

fn guide(language: Language) -> String {
    let what = plugin::Guide::unwritten(language);
    let link = match language {
        Language::English => "the settings page",
        Language::Chinese => "设置页面",
    };
    let mut text = String::new();
    for section in SECTIONS {
        text += &format!("## {}\n\n{what}\n\n", section.heading(language));
    }
    text.push_str(&format!("[{link}](https://mail.example/settings)\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_make_a_plugin_wrong_and_warnings_do_not() {
        let error = |file: &str| Problem::of_file(file, "wrong");
        let warning = || Problem::of_file("data/plugins/acme/plugin.toml", "odd").as_warning();
        assert_eq!(counted(&[], &[vec![]]), (1, 1));
        assert_eq!(counted(&[warning()], &[vec![warning()]]), (1, 1));
        let broken = error("data/plugins/acme/plugin.toml");
        assert_eq!(counted(std::slice::from_ref(&broken), &[vec![]]), (0, 1));
        assert_eq!(counted(&[], &[vec![broken.clone()]]), (0, 1));
        let guide = error("data/plugins/acme/guide.en.md");
        let other = error("data/plugins/Bad_Name");
        let tried = [vec![], vec![warning()], vec![error("x/tests.toml")]];
        assert_eq!(counted(&[broken, guide, other], &tried), (2, 5));
    }
}
