//! What is known about providers: presets, their guides, and what is suggested for an
//! address.

use serde::Serialize;

use super::mailbox::ServerBody;
use crate::domain::address::Address;
use crate::domain::preset::{Preset, SignInMethod};
use crate::domain::refusal::Bilingual;
use crate::plugin::{Catalogue, Language, Plugin, Problem, SECTIONS, Section, Severity};
use crate::service::connect::Remarks;
use crate::service::connect::suggestion::{How, Suggestion};

/// All presets in use.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct PresetsBody {
    items: Vec<PresetLineBody>,
    /// Not empty: newer files of the installation were refused.
    problems: Vec<ProblemBody>,
}

/// A preset in the list.
#[derive(Debug, Serialize)]
struct PresetLineBody {
    id: String,
    name: TextBody,
    domains: Vec<String>,
    /// It lies over the preset of the address's provider.
    overlay: bool,
    /// It came with the program.
    shipped: bool,
    verified: bool,
    /// Best first: `oauth2`, `authorization_code`, `app_password`, `password`.
    sign_in: Vec<&'static str>,
    has_icon: bool,
}

/// A preset.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct PresetBody {
    #[serde(flatten)]
    line: PresetLineBody,
    settings_url: Option<String>,
    imap: Option<ServerBody>,
    pop3: Option<ServerBody>,
    smtp: Option<ServerBody>,
    /// Codes end after so many days.
    code_valid_days: Option<u16>,
    /// Set when an address that is registered elsewhere is asked for.
    registered_address_question: Option<TextBody>,
    /// What has no named source.
    unverified: Vec<String>,
    guide: GuideBody,
}

/// The guide in both languages, Markdown.
#[derive(Debug, Serialize)]
struct GuideBody {
    en: Vec<SectionBody>,
    zh: Vec<SectionBody>,
}

#[derive(Debug, Serialize)]
struct SectionBody {
    section: &'static str,
    heading: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct TextBody {
    en: String,
    zh: String,
}

/// Something wrong in a plugin, and where.
#[derive(Debug, Serialize)]
struct ProblemBody {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    severity: &'static str,
    message: String,
}

/// What is suggested for an address.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct SuggestionBody {
    address: String,
    /// `chosen`, `domain`, `mx`, `autoconfig`, `srv` or `guess`.
    how: &'static str,
    /// The mail exchanger that gave the provider away.
    #[serde(skip_serializing_if = "Option::is_none")]
    mx: Option<String>,
    preset: Option<PresetLineBody>,
    /// Absent: the usual name is tried.
    imap: Option<ServerBody>,
    pop3: Option<ServerBody>,
    smtp: Option<ServerBody>,
    /// Hosts outside the domain that no plugin knows: they are used when they are named.
    foreign: Vec<String>,
    /// The user name at the incoming server.
    user: String,
    /// The address of a known provider from which this one differs by a slip of the hand.
    did_you_mean: Option<String>,
    /// DNS was asked, and there is no such domain.
    no_such_domain: bool,
    /// The name of the mailbox that has this address: it can be connected once.
    connected_as: Option<String>,
}

impl PresetsBody {
    pub(in crate::http::api) fn new(catalogue: &Catalogue, problems: &[Problem]) -> Self {
        Self {
            items: catalogue.iter().map(PresetLineBody::new).collect(),
            problems: problems.iter().map(ProblemBody::new).collect(),
        }
    }
}

impl PresetLineBody {
    fn new(plugin: &Plugin) -> Self {
        let preset = &plugin.preset;
        Self {
            id: preset.id.clone(),
            name: TextBody::new(&preset.name),
            domains: preset.domains.clone(),
            overlay: preset.overlay,
            shipped: plugin.shipped,
            verified: preset.verified,
            sign_in: methods(preset),
            has_icon: plugin.icon.is_some(),
        }
    }
}

impl PresetBody {
    pub(in crate::http::api) fn new(plugin: &Plugin) -> Self {
        let preset = &plugin.preset;
        let (imap, pop3, smtp) = (&preset.imap, &preset.pop3, &preset.smtp);
        Self {
            settings_url: preset.settings_url.clone(),
            imap: imap.as_ref().map(|imap| ServerBody::new(&imap.server)),
            pop3: pop3.as_ref().map(|pop3| ServerBody::new(&pop3.server)),
            smtp: smtp.as_ref().map(|smtp| ServerBody::new(&smtp.server)),
            code_valid_days: preset.sign_in.code_valid_days,
            registered_address_question: preset.asks_registered_address.as_ref().map(TextBody::new),
            unverified: preset.unverified.clone(),
            guide: GuideBody {
                en: sections(plugin, Language::English),
                zh: sections(plugin, Language::Chinese),
            },
            line: PresetLineBody::new(plugin),
        }
    }
}

fn methods(preset: &Preset) -> Vec<&'static str> {
    let name = |method: &SignInMethod| match method {
        SignInMethod::Password => "password",
        SignInMethod::AppPassword => "app_password",
        SignInMethod::AuthorizationCode => "authorization_code",
        SignInMethod::OAuth2 => "oauth2",
    };
    preset.sign_in.methods.iter().map(name).collect()
}

fn sections(plugin: &Plugin, language: Language) -> Vec<SectionBody> {
    let Some(guide) = plugin.guide(language) else {
        return Vec::new();
    };
    let body = |section: Section| {
        Some(SectionBody {
            section: section_name(section),
            heading: section.heading(language),
            text: guide.section(section)?.to_owned(),
        })
    };
    SECTIONS.into_iter().filter_map(body).collect()
}

fn section_name(section: Section) -> &'static str {
    match section {
        Section::Before => "before",
        Section::GetTheCode => "get_the_code",
        Section::IfYouMissedIt => "if_you_missed_it",
        Section::RevokeIt => "revoke_it",
        Section::Expiry => "expiry",
    }
}

impl TextBody {
    fn new(texts: &Bilingual) -> Self {
        Self {
            en: texts.en.clone(),
            zh: texts.zh.clone(),
        }
    }
}

impl ProblemBody {
    fn new(problem: &Problem) -> Self {
        Self {
            file: problem.file.clone(),
            line: problem.at.map(|(line, _)| line),
            column: problem.at.map(|(_, column)| column),
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: problem.words.clone(),
        }
    }
}

impl SuggestionBody {
    pub(in crate::http::api) fn new(
        address: &Address,
        suggestion: &Suggestion,
        remarks: &Remarks,
    ) -> Self {
        let known = &suggestion.known;
        let server = |server: &Option<_>| server.as_ref().map(ServerBody::new);
        Self {
            address: address.to_string(),
            how: how_name(&suggestion.how),
            mx: match &suggestion.how {
                How::Mx(host) => Some(host.clone()),
                _ => None,
            },
            preset: suggestion.plugin.as_ref().map(PresetLineBody::new),
            imap: server(&known.imap),
            pop3: server(&known.pop3),
            smtp: server(&known.smtp),
            foreign: known.foreign.clone(),
            did_you_mean: remarks.meant.as_ref().map(ToString::to_string),
            no_such_domain: remarks.no_domain,
            connected_as: remarks
                .connected
                .as_ref()
                .map(|taken| taken.settings.name.clone()),
            user: if known.user_is_local_part.0 {
                address.local().to_owned()
            } else {
                address.to_string()
            },
        }
    }
}

fn how_name(how: &How) -> &'static str {
    match how {
        How::Chosen => "chosen",
        How::Domain => "domain",
        How::Mx(_) => "mx",
        How::Autoconfig => "autoconfig",
        How::Srv => "srv",
        How::Guess => "guess",
    }
}
