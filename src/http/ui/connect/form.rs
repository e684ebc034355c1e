//! The form: what the provider needs to be told, with everything else folded away.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, FromRef, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::super::api::{of_beginning, of_sign_in};
use super::super::super::body::Id;
use super::super::super::error::Problem;
use super::super::super::handles::Wired;
use super::super::page::{Frame, render};
use super::super::sign_in::session_mark;
use super::super::view::marks::said;
use super::guide::{SectionView, sections};
use super::provider::{ProviderView, SignInView};
use super::start::allowed;
use crate::domain::address::Address;
use crate::domain::key::PublicId;
use crate::domain::mailbox::{OTHER_PRESET, Security, Server};
use crate::domain::secret::Secret;
use crate::domain::user::Actor;
use crate::service::alerts::Alerts;
use crate::service::connect::suggestion::{How, Suggestion};
use crate::service::connect::wish::{Readable, Wish, WrongField};
use crate::service::connect::{BeginError, Connect, ProposeError};
use crate::service::presets::Presets;
use crate::service::signing_in::{Purpose, SignInError, SigningIn};

/// The services of the form.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct Desk {
    connect: Connect,
    presets: Presets,
    signing_in: SigningIn,
    alerts: Alerts,
}

impl FromRef<Wired> for Desk {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            connect: Connect::from_ref(wired),
            presets: Presets::from_ref(wired),
            signing_in: SigningIn::from_ref(wired),
            alerts: Alerts::from_ref(wired),
        }
    }
}

#[derive(Template)]
#[template(path = "connect_form.html")]
struct FormPage {
    frame: Frame,
    provider: ProviderView,
    /// Key of the sentence that says how it was found: `connect.how.*`.
    how: &'static str,
    guide: Vec<SectionView>,
    overlays: Vec<OverlayView>,
    wish: Typed,
    /// What is suggested for what is left empty.
    hints: Hints,
    /// Servers that a person has to type: the domain names them and they are not in it.
    foreign: Option<String>,
    /// Nobody would hear when this mailbox stops working.
    alone: bool,
    wrong: Option<WrongField>,
    /// A password was typed in an earlier attempt and is used again when left empty.
    take_over: Option<PublicId>,
    sign_in: Option<SignInView>,
}

impl FormPage {
    fn is_wrong(&self, field: &str) -> bool {
        self.wrong
            .as_ref()
            .is_some_and(|wrong| wrong.field == field)
    }
}

struct OverlayView {
    id: String,
    name: String,
    question: Option<String>,
    guide: Vec<SectionView>,
}

/// Servers as they would be typed.
struct Hints {
    imap: String,
    pop3: String,
    smtp: String,
}

/// What was typed, without passwords: those are never shown again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http::ui) struct Typed {
    form_token: String,
    take_over: String,
    preset: String,
    address: String,
    name: String,
    slug: String,
    protocol: String,
    incoming: String,
    incoming_security: String,
    pop3_keep: String,
    outgoing: String,
    outgoing_security: String,
    system_smtp: String,
    plain_confirmed: String,
    user: String,
    account: String,
    password: String,
    outgoing_user: String,
    outgoing_password: String,
    folder: String,
    more_folders: String,
    junk: String,
    sent_folder: String,
    from_name: String,
    aliases: String,
    signature: String,
    history: String,
    history_days: String,
    code_created_on: String,
    rescue_address: String,
    overlay: String,
    registered_address: String,
}

impl Typed {
    fn wish(&self) -> Wish {
        let given = |text: &str| {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        // Codes are copied in groups; their spaces belong to the page they were shown on.
        let secret = |text: &str| (!text.is_empty()).then(|| Secret::new(text.trim().to_owned()));
        let lines = |text: &str| text.lines().filter_map(given).collect();
        Wish {
            address: self.address.trim().to_owned(),
            preset: given(&self.preset),
            name: given(&self.name),
            slug: given(&self.slug),
            protocol: given(&self.protocol),
            incoming: given(&self.incoming),
            incoming_security: given(&self.incoming_security),
            pop3_keep: given(&self.pop3_keep),
            outgoing: given(&self.outgoing),
            outgoing_security: given(&self.outgoing_security),
            system_smtp: !self.system_smtp.is_empty(),
            readable: if self.plain_confirmed.is_empty() {
                Readable::Unconfirmed
            } else {
                Readable::Confirmed
            },
            user: given(&self.user),
            password: secret(&self.password),
            grant: None,
            account: given(&self.account),
            outgoing_user: given(&self.outgoing_user),
            outgoing_password: secret(&self.outgoing_password),
            folder: given(&self.folder),
            more_folders: lines(&self.more_folders),
            junk: given(&self.junk),
            sent_folder: given(&self.sent_folder),
            provider_files_sent: None,
            from_name: given(&self.from_name),
            aliases: lines(&self.aliases),
            signature: given(&self.signature),
            history: match self.history.as_str() {
                "days" => Some(given(&self.history_days).unwrap_or_else(|| "0".to_owned())),
                other => given(other),
            },
            code_created_on: given(&self.code_created_on),
            rescue_address: given(&self.rescue_address),
            overlay: given(&self.overlay),
            registered_address: given(&self.registered_address),
        }
    }

    /// What an earlier attempt was begun with.
    fn of(wish: &Wish) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let on = |on: bool| if on { "on".to_owned() } else { String::new() };
        let history = text(&wish.history);
        let days = history.parse::<u16>().is_ok();
        Self {
            form_token: String::new(),
            take_over: String::new(),
            preset: text(&wish.preset),
            address: wish.address.clone(),
            name: text(&wish.name),
            slug: text(&wish.slug),
            protocol: text(&wish.protocol),
            incoming: text(&wish.incoming),
            incoming_security: text(&wish.incoming_security),
            pop3_keep: text(&wish.pop3_keep),
            outgoing: text(&wish.outgoing),
            outgoing_security: text(&wish.outgoing_security),
            system_smtp: on(wish.system_smtp),
            plain_confirmed: on(wish.readable == Readable::Confirmed),
            user: text(&wish.user),
            account: text(&wish.account),
            password: String::new(),
            outgoing_user: text(&wish.outgoing_user),
            outgoing_password: String::new(),
            folder: text(&wish.folder),
            more_folders: wish.more_folders.join("\n"),
            junk: text(&wish.junk),
            sent_folder: text(&wish.sent_folder),
            from_name: text(&wish.from_name),
            aliases: wish.aliases.join("\n"),
            signature: text(&wish.signature),
            history_days: if days { history.clone() } else { String::new() },
            history: if days { "days".to_owned() } else { history },
            code_created_on: text(&wish.code_created_on),
            rescue_address: text(&wish.rescue_address),
            overlay: text(&wish.overlay),
            registered_address: text(&wish.registered_address),
        }
    }

    fn without_secrets(mut self) -> Self {
        self.password.clear();
        self.outgoing_password.clear();
        self
    }
}

/// Which mailbox is to be connected.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http::ui) struct Asked {
    address: String,
    preset: String,
}

/// The form for an address.
pub(in crate::http::ui) async fn ask(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Query(asked): Query<Asked>,
    frame: Frame,
) -> Result<Response, Problem> {
    allowed(&actor)?;
    let typed = Typed {
        address: asked.address,
        preset: asked.preset,
        code_created_on: desk.connect.today().to_string(),
        ..Typed::default()
    };
    let wrong = wrong_address(&typed.address);
    page(&desk, frame, typed, wrong, None).await
}

/// The form of an earlier attempt, to change and try again.
pub(in crate::http::ui) async fn again(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
) -> Result<Response, Problem> {
    allowed(&actor)?;
    let attempt = desk
        .connect
        .attempt(&actor, id)
        .ok_or_else(Problem::not_found)?;
    let typed = Typed::of(&attempt.wish);
    page(&desk, frame, typed, None, Some(id)).await
}

/// Sends the person to the provider, once everything else is known.
pub(in crate::http::ui) async fn sign_in(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    frame.session.check(&typed.form_token)?;
    let wish = typed.wish();
    let known = desk.connect.known(&wish).await;
    let purpose = Purpose::Connect(Box::new((wish, known)));
    let begun = desk
        .signing_in
        .begin(&actor, session_mark(&frame.session), purpose, false);
    match begun {
        Ok(id) => Ok(Redirect::to(&format!("/sign-ins/{id}")).into_response()),
        Err(SignInError::Propose(ProposeError::Wrong(wrong))) => {
            let typed = typed.without_secrets();
            page(&desk, frame, typed, Some(wrong), None).await
        }
        Err(error) => Err(of_sign_in(error)),
    }
}

/// Begins to try; the next page shows how it goes.
pub(in crate::http::ui) async fn begin(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    frame.session.check(&typed.form_token)?;
    let wish = typed.wish();
    let known = desk.connect.known(&wish).await;
    let take_over = PublicId::parse(&typed.take_over);
    match desk.connect.begin(&actor, wish, known, take_over) {
        Ok(id) => Ok(Redirect::to(&format!("/mailboxes/connect/{id}")).into_response()),
        Err(BeginError::Propose(ProposeError::Wrong(wrong))) => {
            let typed = typed.without_secrets();
            page(&desk, frame, typed, Some(wrong), take_over).await
        }
        Err(error) => Err(of_beginning(error)),
    }
}

fn wrong_address(text: &str) -> Option<WrongField> {
    let error = Address::parse(text.trim()).err()?;
    Some(WrongField {
        field: "address",
        words: error.to_string(),
    })
}

async fn page(
    desk: &Desk,
    frame: Frame,
    typed: Typed,
    wrong: Option<WrongField>,
    take_over: Option<PublicId>,
) -> Result<Response, Problem> {
    let Desk {
        connect,
        presets,
        signing_in,
        alerts,
    } = desk;
    let chosen = Some(typed.preset.as_str()).filter(|id| !id.is_empty());
    let suggestion = match Address::parse(typed.address.trim()) {
        Ok(address) => Some(connect.suggest(&address, chosen).await),
        Err(_) => None,
    };
    let how = suggestion.as_ref().map_or("connect.how.guess", how_key);
    let hints = Hints::of(suggestion.as_ref(), &typed.address);
    let foreign = suggestion
        .as_ref()
        .map(|found| found.known.foreign.join(", "));
    let foreign = foreign.filter(|hosts| !hosts.is_empty());
    let found = suggestion.and_then(|suggestion| suggestion.plugin);
    let by_choice = || presets.get(chosen.unwrap_or(OTHER_PRESET));
    let plugin = found
        .or_else(by_choice)
        .or_else(|| presets.get(OTHER_PRESET));
    let plugin = plugin.ok_or_else(Problem::not_found)?;
    let words = frame.words;
    let catalogue = presets.plugins().current();
    let overlays = catalogue.iter().filter(|plugin| plugin.preset.overlay);
    let overlays = overlays.map(|plugin| OverlayView {
        guide: sections(plugin, words, &typed.address),
        id: plugin.preset.id.clone(),
        name: said(words, &plugin.preset.name).to_owned(),
        question: plugin
            .preset
            .asks_registered_address
            .as_ref()
            .map(|question| said(words, question).to_owned()),
    });
    let status = if wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let other_way = alerts.another_would_have_a_way();
    let shown = render(&FormPage {
        alone: !other_way.map_err(|error| Problem::internal(&error))?,
        provider: ProviderView::new(&plugin, words),
        sign_in: SignInView::of(signing_in, &plugin, words),
        how,
        guide: sections(&plugin, words, &typed.address),
        overlays: overlays.collect(),
        hints,
        foreign,
        wish: typed,
        wrong,
        take_over,
        frame,
    });
    Ok((status, shown).into_response())
}

fn how_key(suggestion: &Suggestion) -> &'static str {
    match suggestion.how {
        How::Chosen => "connect.how.chosen",
        How::Domain => "connect.how.domain",
        How::Mx(_) => "connect.how.mx",
        How::Autoconfig => "connect.how.autoconfig",
        How::Srv => "connect.how.srv",
        How::Guess => "connect.how.guess",
    }
}

impl Hints {
    fn of(suggestion: Option<&Suggestion>, address: &str) -> Self {
        let domain = address
            .rsplit_once('@')
            .map_or("example.com", |(_, domain)| domain);
        let shown = |server: Option<&Server>, prefix: &str, port: u16| match server {
            Some(server) => format!("{}:{}{}", server.host, server.port, mark(server.security)),
            None => format!("{prefix}.{domain}:{port}"),
        };
        let known = suggestion.map(|suggestion| &suggestion.known);
        Self {
            imap: shown(known.and_then(|known| known.imap.as_ref()), "imap", 993),
            pop3: shown(known.and_then(|known| known.pop3.as_ref()), "pop", 995),
            smtp: shown(known.and_then(|known| known.smtp.as_ref()), "smtp", 465),
        }
    }
}

fn mark(security: Security) -> &'static str {
    match security {
        Security::Tls => "",
        Security::StartTls => " STARTTLS",
        Security::None => " !",
    }
}
