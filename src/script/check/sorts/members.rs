//! What is done to a value of which the sort is certain: names behind its dot, words
//! handed to it, comparisons.

use rhai::{Expr, FnCallExpr, Position, Token};

use super::Judge;
use super::fact::{Fact, Value};
use super::given::with_article;
use crate::script::check::known::{self, Words};
use crate::script::shape::{Members, Sort, Type};
use crate::script::suggest;

/// Functions of texts and lists as other languages call them.
const ELSEWHERE: [(&str, &str); 11] = [
    ("count", "len"),
    ("includes", "contains"),
    ("length", "len"),
    ("lenght", "len"),
    ("lowercase", "to_lower"),
    ("size", "len"),
    ("substr", "sub_string"),
    ("substring", "sub_string"),
    ("to_lowercase", "to_lower"),
    ("to_uppercase", "to_upper"),
    ("uppercase", "to_upper"),
];

impl Judge<'_> {
    /// Judges one name behind a dot, and says what comes out of it.
    pub(super) fn member(&mut self, fact: Fact, name: &Expr) -> Fact {
        let mut facts = Vec::new();
        if let Expr::MethodCall(call, position) = name {
            self.nobodys(fact, call, *position);
            // `this` is the value; what is handed over may come from elsewhere too.
            self.called_by_name(&call.name);
            if let Fact::Is(Value::Many(sort)) = fact {
                return self.of_each(sort, call);
            }
            facts.extend(call.args.iter().map(|one| self.expression(one)));
        }
        let Fact::Is(value) = fact else {
            return fact;
        };
        let Value::One(sort) = value else {
            return Fact::Anything;
        };
        let file = self.file;
        let Some(members) = file.table.members(sort) else {
            return Fact::Anything;
        };
        match name {
            Expr::Property(property, position) => {
                self.property((sort, members), &property.2, *position)
            }
            Expr::MethodCall(call, position) => {
                self.method((sort, members), call, &facts, *position)
            }
            _ => Fact::Anything,
        }
    }

    fn property(
        &mut self,
        (sort, members): (Sort, &Members),
        name: &str,
        position: Position,
    ) -> Fact {
        if let Some(next) = members.properties.get(name) {
            return read(sort, name, *next);
        }
        let owner = sort.shown();
        let (message, help) = if members.methods.contains_key(name) {
            let message = format!("`{name}` of {owner} is a function");
            (message, Some(format!("write `.{name}(...)`")))
        } else if members.open {
            return Fact::Anything;
        } else {
            let message = format!("{owner} has no property `{name}`");
            let names = members.properties.keys().copied();
            (message, suggest::did_you_mean(name, names))
        };
        self.say(position, message, help);
        Fact::Anything
    }

    fn method(
        &mut self,
        (sort, members): (Sort, &Members),
        call: &FnCallExpr,
        facts: &[Fact],
        position: Position,
    ) -> Fact {
        let name = call.name.as_str();
        if let Some(next) = members.methods.get(name) {
            if self.named.contains_key(name) {
                return Fact::Anything;
            }
            self.handed(Some(sort), call, facts, position);
            return Fact::of(*next);
        }
        let owner = sort.shown();
        if members.properties.contains_key(name) {
            let message = format!("`{name}` of {owner} is not a function");
            let help = Some(format!("write `.{name}` without parentheses"));
            self.say(position, message, help);
        } else if !self.file.callable(name) {
            let message = format!("{owner} has no function `{name}`");
            let help = suggest::did_you_mean(name, members.methods.keys().copied());
            self.say(position, message, help);
        }
        Fact::Anything
    }

    /// A method of a value of the language that nothing at all has.
    fn nobodys(&mut self, fact: Fact, call: &FnCallExpr, position: Position) {
        let of = match fact {
            Fact::Is(Value::Plain(of)) => of,
            Fact::Is(Value::Many(sort)) => Type::Many(sort),
            Fact::Is(Value::Word(_)) => Type::Text,
            Fact::Is(Value::One(_)) | Fact::Never | Fact::Anything => return,
        };
        let name = call.name.as_str();
        if self.is_silent() || self.file.callable(name) {
            return;
        }
        let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == name);
        let help = match elsewhere {
            Some((_, ours)) => Some(format!("did you mean `{ours}`?")),
            None => {
                let natives = self.file.native.names.iter().map(String::as_str);
                suggest::did_you_mean(name, natives)
            }
        };
        let message = format!("{} has no function `{name}`", with_article(of));
        self.say(position, message, help);
    }

    /// `==`, `!=` and `in` with words that it can never be.
    pub(super) fn operator(&mut self, call: &FnCallExpr, facts: &[Fact], position: Position) {
        let [one, other] = call.args.as_slice() else {
            return;
        };
        let [first, second] = facts else { return };
        match (&call.op_token, first, second) {
            (Some(Token::EqualsTo | Token::NotEqualsTo), Fact::Is(Value::Word(words)), _) => {
                self.never(*words, other);
            }
            (Some(Token::EqualsTo | Token::NotEqualsTo), _, Fact::Is(Value::Word(words))) => {
                self.never(*words, one);
            }
            (Some(Token::EqualsTo | Token::NotEqualsTo), Fact::Is(Value::One(sort)), _)
                if matches!(other, Expr::StringConstant(..)) =>
            {
                let message = format!("{} is not a text, so it never equals one", sort.shown());
                let odd = self.file.at(position, message).as_warning();
                self.add(odd);
            }
            _ => {}
        }
    }

    pub(super) fn never(&mut self, words: Words, other: &Expr) {
        let Expr::StringConstant(text, position) = other else {
            return;
        };
        if words.can_be(text) {
            return;
        }
        let message = format!("{} is never \"{text}\"", words.shown());
        let odd = self
            .file
            .at(*position, message)
            .with_help(Some(words.instead(text)))
            .as_warning();
        self.add(odd);
    }

    /// What an assignment changes.
    pub(super) fn target(&mut self, target: &Expr) {
        let Expr::Dot(pair, _, position) = target else {
            if !matches!(target, Expr::Variable(..)) {
                self.expression(target);
            }
            return;
        };
        let Fact::Is(Value::One(sort)) = self.expression(&pair.lhs) else {
            return;
        };
        let message = format!("{} can only be read", sort.shown());
        let help = Some("what shall change belongs into the answer".to_owned());
        self.say(*position, message, help);
    }
}

/// What a property is.
fn read(owner: Sort, name: &str, of: Type) -> Fact {
    match (known::of(owner, name), of) {
        (Some(words), _) => Fact::Is(Value::Word(words)),
        (None, of) => Fact::of_type(of),
    }
}
