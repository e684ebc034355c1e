//! What is asked in a sign-in: the address a browser is sent to, and the forms that are
//! posted (RFC 6749, RFC 7636, RFC 8628). Pure: randomness is an argument.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::super::discovery::percent_encoded;
use super::super::http_client::{HttpsUrl, UrlError};
use crate::domain::oauth::OAuthModule;
use crate::domain::secret::Secret;

/// What our client is called at a provider, and what proves that it is ours.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; public clients have none.
    pub secret: Option<Secret>,
}

/// A proof of possession (RFC 7636): whoever redeems the code began the sign-in.
#[derive(Clone, Debug)]
pub struct ProofKey {
    verifier: Secret,
}

impl ProofKey {
    /// The proof made of these random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self {
            verifier: Secret::new(URL_SAFE_NO_PAD.encode(random)),
        }
    }

    /// What goes along when the code is redeemed (section 4.1).
    #[must_use]
    pub fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// What the browser carries along (section 4.2, S256).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.expose().as_bytes()))
    }
}

/// What a browser is to be asked.
#[derive(Clone, Debug)]
pub struct Authorization<'a> {
    /// Our client.
    pub client: &'a OAuthClient,
    /// Where the browser comes back to; exactly what is registered.
    pub redirect_uri: &'a str,
    /// Comes back unchanged and cannot be guessed.
    pub state: &'a str,
    /// The proof's challenge.
    pub challenge: Option<&'a str>,
    /// Who is expected to sign in.
    pub login_hint: &'a str,
    /// The provider asks which account, whoever is signed in there.
    pub select_account: bool,
}

/// The address a browser is sent to (RFC 6749 section 4.1.1).
///
/// # Errors
/// When the module's address is none.
pub fn authorize_url(module: &OAuthModule, asked: &Authorization<'_>) -> Result<String, UrlError> {
    let endpoint = HttpsUrl::parse(&module.authorize)?;
    let scope = module.scopes.join(" ");
    let mut query = Query::default();
    query.add("response_type", "code");
    query.add("client_id", &asked.client.id);
    query.add("redirect_uri", asked.redirect_uri);
    query.add("scope", &scope);
    query.add("state", asked.state);
    if let Some(challenge) = asked.challenge {
        query.add("code_challenge", challenge);
        query.add("code_challenge_method", "S256");
    }
    query.add("login_hint", asked.login_hint);
    for (name, value) in &module.parameters {
        let chosen = asked.select_account && name == "prompt";
        if !chosen && !OWN.contains(&name.as_str()) {
            query.add(name, value);
        }
    }
    if asked.select_account {
        // Google takes a list here, and gives no refresh token again without "consent".
        let consents = module
            .parameters
            .iter()
            .any(|(name, value)| name == "prompt" && value.contains("consent"));
        query.add(
            "prompt",
            if consents {
                "select_account consent"
            } else {
                "select_account"
            },
        );
    }
    let path = endpoint.path_and_query();
    let separator = if path.contains('?') { '&' } else { '?' };
    let authority = endpoint.authority();
    Ok(format!(
        "https://{authority}{path}{separator}{}",
        query.text.as_str()
    ))
}

/// Parameters that no module may replace.
const OWN: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
];

/// The form that turns a code into tokens (RFC 6749 section 4.1.3).
#[must_use]
pub(super) fn code_form(
    client: &OAuthClient,
    code: &Secret,
    redirect_uri: &str,
    proof: Option<&ProofKey>,
) -> Secret {
    let mut form = Query::default();
    form.add("grant_type", "authorization_code");
    form.add("code", code.expose());
    form.add("redirect_uri", redirect_uri);
    if let Some(proof) = proof {
        form.add("code_verifier", proof.verifier().expose());
    }
    form.add_client(client);
    form.into_secret()
}

/// The form that renews an access token (RFC 6749 section 6).
#[must_use]
pub(super) fn refresh_form(client: &OAuthClient, refresh_token: &Secret) -> Secret {
    let mut form = Query::default();
    form.add("grant_type", "refresh_token");
    form.add("refresh_token", refresh_token.expose());
    form.add_client(client);
    form.into_secret()
}

/// The form that asks for a code to type on another device (RFC 8628 section 3.1).
#[must_use]
pub(super) fn device_form(client: &OAuthClient, module: &OAuthModule) -> Secret {
    let mut form = Query::default();
    form.add("client_id", &client.id);
    form.add("scope", &module.scopes.join(" "));
    form.into_secret()
}

/// The form that asks whether the code has been typed (RFC 8628 section 3.4).
#[must_use]
pub(super) fn device_token_form(client: &OAuthClient, device_code: &Secret) -> Secret {
    let mut form = Query::default();
    form.add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    form.add("device_code", device_code.expose());
    form.add_client(client);
    form.into_secret()
}

/// `a=b&c=d`, as addresses and forms have it.
#[derive(Default)]
struct Query {
    text: Zeroizing<String>,
}

impl Query {
    fn add(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.push_str(&percent_encoded(name));
        self.text.push('=');
        self.text.push_str(&Zeroizing::new(percent_encoded(value)));
    }

    /// RFC 6749 section 2.3.1, in the body: what every provider takes.
    fn add_client(&mut self, client: &OAuthClient) {
        self.add("client_id", &client.id);
        if let Some(secret) = &client.secret {
            self.add("client_secret", secret.expose());
        }
    }

    fn into_secret(self) -> Secret {
        Secret::new(self.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> OAuthModule {
        OAuthModule {
            client: "google".to_owned(),
            authorize: "https://accounts.example.com/auth".to_owned(),
            token: "https://accounts.example.com/token".to_owned(),
            scopes: vec!["https://mail.example.com/".to_owned(), "openid".to_owned()],
            parameters: vec![
                ("access_type".to_owned(), "offline".to_owned()),
                ("prompt".to_owned(), "consent".to_owned()),
                ("state".to_owned(), "forged".to_owned()),
            ],
            pkce: true,
            ..OAuthModule::default()
        }
    }

    fn client() -> OAuthClient {
        OAuthClient {
            id: "us&them".to_owned(),
            secret: Some(Secret::new("s=cret")),
        }
    }

    fn asked(client: &OAuthClient, select_account: bool) -> Authorization<'_> {
        Authorization {
            client,
            redirect_uri: "https://desk.example.com/oauth/callback",
            state: "st4te",
            challenge: Some("ch"),
            login_hint: "support@example.com",
            select_account,
        }
    }

    #[test]
    fn the_proof_is_that_of_rfc_7636_appendix_b() {
        let random = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let proof = ProofKey::new(random);
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(proof.verifier().expose(), verifier);
        assert_eq!(
            proof.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_browser_is_sent_where_the_module_says_with_what_it_says() {
        let url = authorize_url(&module(), &asked(&client(), false)).expect("an address");
        assert_eq!(
            url,
            "https://accounts.example.com/auth?response_type=code&client_id=us%26them\
             &redirect_uri=https%3A%2F%2Fdesk.example.com%2Foauth%2Fcallback\
             &scope=https%3A%2F%2Fmail.example.com%2F%20openid&state=st4te\
             &code_challenge=ch&code_challenge_method=S256&login_hint=support%40example.com\
             &access_type=offline&prompt=consent"
        );
        let url = authorize_url(&module(), &asked(&client(), true)).expect("an address");
        assert!(url.ends_with("&prompt=select_account%20consent"), "{url}");
        assert_eq!(url.matches("prompt=").count(), 1);
        assert_eq!(url.matches("state=").count(), 1);
        let plain = OAuthModule {
            authorize: "http://accounts.example.com/".to_owned(),
            ..module()
        };
        assert!(authorize_url(&plain, &asked(&client(), false)).is_err());
    }

    #[test]
    fn forms_hold_what_the_rfcs_want() {
        let proof = ProofKey::new([0; 32]);
        let form = code_form(&client(), &Secret::new("c&d"), "https://a/b", Some(&proof));
        assert_eq!(
            form.expose(),
            "grant_type=authorization_code&code=c%26d&redirect_uri=https%3A%2F%2Fa%2Fb\
             &code_verifier=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
             &client_id=us%26them&client_secret=s%3Dcret"
        );
        let public = OAuthClient {
            secret: None,
            ..client()
        };
        assert_eq!(
            refresh_form(&public, &Secret::new("r")).expose(),
            "grant_type=refresh_token&refresh_token=r&client_id=us%26them"
        );
    }
}
