//! The words of `plugin.toml` in those of `domain`, one by one.

use super::file::{ClassWord, DialogueWord, MethodWord, TwoTexts, UserNameWord};
use crate::domain::preset::{SignInMethod, UserName};
use crate::domain::refusal::{Bilingual, Dialogue, FailureClass};

pub(super) fn bilingual(texts: TwoTexts) -> Bilingual {
    Bilingual {
        en: texts.en,
        zh: texts.zh,
    }
}

pub(super) fn user_name(word: Option<UserNameWord>) -> UserName {
    match word {
        Some(UserNameWord::LocalPart) => UserName::LocalPart,
        Some(UserNameWord::Address) | None => UserName::Address,
    }
}

pub(super) fn method(word: MethodWord) -> SignInMethod {
    match word {
        MethodWord::Password => SignInMethod::Password,
        MethodWord::AppPassword => SignInMethod::AppPassword,
        MethodWord::AuthorizationCode => SignInMethod::AuthorizationCode,
        MethodWord::OAuth2 => SignInMethod::OAuth2,
    }
}

pub(super) fn dialogue(word: DialogueWord) -> Option<Dialogue> {
    match word {
        DialogueWord::Imap => Some(Dialogue::Imap),
        DialogueWord::Pop3 => Some(Dialogue::Pop3),
        DialogueWord::SmtpLogin => Some(Dialogue::SmtpLogin),
        DialogueWord::Smtp => Some(Dialogue::Smtp),
        DialogueWord::Any => None,
    }
}

pub(super) fn class(word: ClassWord) -> FailureClass {
    match word {
        ClassWord::BadCredentials => FailureClass::BadCredentials,
        ClassWord::AuthorizationExpired => FailureClass::AuthorizationExpired,
        ClassWord::InteractiveLogin => FailureClass::InteractiveLogin,
        ClassWord::ServiceDisabled => FailureClass::ServiceDisabled,
        ClassWord::Temporary => FailureClass::Temporary,
        ClassWord::Network => FailureClass::Network,
        ClassWord::Policy => FailureClass::Policy,
        ClassWord::SendingQuota => FailureClass::SendingQuota,
    }
}
