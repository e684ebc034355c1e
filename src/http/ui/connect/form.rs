//! The form: what the provider needs to be told, with everything else folded away.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, FromRef, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::super::api::{of_beginning, of_sign_in, of_store};
use super::super::super::body::Id;
use super::super::super::error::Problem;
use super::super::super::handles::Wired;
use super::super::page::{Frame, render};
use super::super::sign_in::session_mark;
use super::super::view::marks::said;
use super::guide::{SectionView, sections};
use super::provider::{ProviderView, SignInView};
use super::start::{allowed, problem_page};
use super::typed::Typed;
use crate::domain::address::Address;
use crate::domain::key::PublicId;
use crate::domain::mailbox::{OTHER_PRESET, Security, Server};
use crate::domain::user::Actor;
use crate::service::alerts::Alerts;
use crate::service::connect::suggestion::{How, Suggestion};
use crate::service::connect::wish::WrongField;
use crate::service::connect::{BeginError, Connect, ProposeError, Remarks};
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
    /// What is wrong with it.
    problem: Option<String>,
    /// A password was typed in an earlier attempt and is used again when left empty.
    take_over: Option<PublicId>,
    sign_in: Option<SignInView>,
    /// The provider that the form sends; empty while nobody has chosen one and none was
    /// found, so that it is looked for again.
    preset: String,
    /// Another address that was probably meant.
    meant: Option<String>,
    /// There is no such domain.
    no_domain: bool,
    /// The gateway has a mail server of its own that replies can leave by.
    sends_by_itself: bool,
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
    // What is wrong with the address is said before anything else is asked.
    let address = match Address::typed(&typed.address) {
        Ok(address) => address,
        Err(error) => {
            let words = frame.words.sentence(&error);
            return Ok(problem_page(
                &desk.presets,
                frame,
                &typed.address,
                words,
                None,
            ));
        }
    };
    let taken = desk.connect.connected_as(&address);
    if let Some(taken) = taken.map_err(|error| of_store(&error))? {
        let values = [
            ("address", address.as_str()),
            ("name", taken.settings.name.as_str()),
        ];
        let words = frame.words.with("connect.taken", &values);
        let id = Some(taken.id);
        return Ok(problem_page(
            &desk.presets,
            frame,
            address.as_str(),
            words,
            id,
        ));
    }
    page(&desk, frame, typed, None, None).await
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
    let (mut suggestion, mut remarks) = (None, Remarks::default());
    if let Ok(address) = Address::typed(&typed.address) {
        let found = connect.suggest(&address, chosen).await;
        let remarked = connect.remarks(&address, &found);
        remarks = remarked.map_err(|error| of_store(&error))?;
        suggestion = Some(found);
    }
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
    let preset = match chosen {
        Some(chosen) => chosen.to_owned(),
        None if plugin.preset.id == OTHER_PRESET => String::new(),
        None => plugin.preset.id.clone(),
    };
    let shown = render(&FormPage {
        preset,
        meant: remarks.meant.map(|address| address.to_string()),
        no_domain: remarks.no_domain,
        sends_by_itself: connect.sends_by_itself(),
        alone: !other_way.map_err(|error| Problem::internal(&error))?,
        provider: ProviderView::new(&plugin, words),
        sign_in: SignInView::of(signing_in, &plugin, words),
        how,
        guide: sections(&plugin, words, &typed.address),
        overlays: overlays.collect(),
        hints,
        foreign,
        wish: typed,
        problem: wrong.as_ref().map(|wrong| words.say(wrong)),
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
