//! What is handed to the functions of the gateway: too much of it, the wrong sort, or words
//! that they refuse. And what closures are given by the lists that call them.

use std::iter;

use rhai::{Expr, FnCallExpr, Position};

use super::fact::{Fact, Value};
use super::{Judge, pointer};
use crate::script::check::names::values;
use crate::script::reference;
use crate::script::shape::{Parameter, Sort, Type};
use crate::script::{answer, hours, suggest, template};

/// Methods of lists that call a function with each element, and perhaps with its number.
const EACH: [&str; 9] = [
    "all", "drain", "filter", "find", "find_map", "index_of", "map", "retain", "some",
];

impl Judge<'_> {
    /// Judges a call of something in the table, of this owner or of none.
    pub(super) fn handed(
        &mut self,
        owner: Option<Sort>,
        call: &FnCallExpr,
        facts: &[Fact],
        position: Position,
    ) {
        // Nothing is learned here.
        if self.is_silent() {
            return;
        }
        let name = call.name.as_str();
        let file = self.file;
        let overloads: Vec<&'static [Parameter]> = file.table.overloads(owner, name).collect();
        let count = call.args.len();
        let mut fitting = overloads.iter().filter(|given| given.len() == count);
        match (fitting.next(), overloads.as_slice()) {
            (Some(parameters), _) => {
                let given = call.args.iter().zip(facts);
                for ((_, wanted), (value, fact)) in parameters.iter().zip(given) {
                    if !self.fits(name, *wanted, value, *fact) {
                        return;
                    }
                }
                self.words(owner, call);
            }
            (None, [only]) => {
                let message = format!("`{name}` takes {}, not {count}", values(only.len()));
                let names: Vec<&str> = only.iter().map(|(name, _)| *name).collect();
                let help = format!("it is `{name}({})`", names.join(", "));
                self.say(position, message, Some(help));
            }
            (None, _) => {}
        }
    }

    /// Whether a value can be what is wanted; said when it never can.
    fn fits(&mut self, name: &str, wanted: Type, value: &Expr, fact: Fact) -> bool {
        let Some((found, is_it)) = kind(value).or_else(|| sort_of(fact)) else {
            return true;
        };
        if wanted == Type::One(Sort::Plain) || is_it == Some(wanted) {
            return true;
        }
        let help = match (wanted, value) {
            (Type::Text, Expr::CharConstant(letter, _)) => {
                Some(format!("write it in double quotes: \"{letter}\""))
            }
            (Type::Text, Expr::IntegerConstant(number, _)) => {
                Some(format!("write it in quotes: \"{number}\""))
            }
            (Type::One(Sort::Data), Expr::StringConstant(text, _)) => {
                Some(format!("write `data(\"{text}\")`"))
            }
            _ => None,
        };
        let message = format!("`{name}` takes {}, not {found}", with_article(wanted));
        self.say(value.start_position(), message, help);
        false
    }

    /// Words written as they are: what is called says now what it would say then.
    fn words(&mut self, owner: Option<Sort>, call: &FnCallExpr) {
        let name = call.name.as_str();
        for value in &call.args {
            let Expr::StringConstant(text, position) = value else {
                continue;
            };
            let refusal = match owner {
                Some(Sort::Moment) => hours::refusal_of(name, text),
                _ => answer::refusal_of(name, text),
            };
            if let Some(refusal) = refusal {
                self.say(*position, refusal, None);
            } else if let Some(offered) = self.file.table.offered(name)
                && !offered.contains(text.as_str())
            {
                self.absent(name, text, *position);
            }
        }
    }

    /// A name of a file that is not there: the call fails without data, and an answer only
    /// loses its mail without a template.
    fn absent(&mut self, name: &str, text: &str, position: Position) {
        let offered = self.file.table.offered(name).into_iter().flatten();
        let help = suggest::did_you_mean(text, offered.map(String::as_str));
        if name == answer::ACKNOWLEDGE {
            let file = format!("{}/{text}.txt", template::FOLDER);
            let message = format!("there is no {file}, so nobody is written to");
            let odd = self.file.at(position, message).with_help(help).as_warning();
            self.add(odd);
        } else {
            let message = format!("there is no file data/{text}.toml or data/{text}.csv");
            self.say(position, message, help);
        }
    }

    /// A method of a list of known values; what comes out, where it is one of those.
    pub(super) fn of_each(&mut self, element: Sort, call: &FnCallExpr) -> Fact {
        let mut closure = None;
        for (index, one) in call.args.iter().enumerate() {
            match pointer(one) {
                Some(name) if index == 0 && EACH.contains(&call.name.as_str()) => {
                    closure = Some(name);
                }
                _ => {
                    self.expression(one);
                }
            }
        }
        if let Some(name) = closure {
            self.given_each(&name, element);
        }
        match call.name.as_str() {
            "filter" => Fact::Is(Value::Many(element)),
            _ => Fact::Anything,
        }
    }

    /// A function that is called with an element, and where it wants two, with its number.
    fn given_each(&mut self, name: &str, element: Sort) {
        for own in self.owned(name) {
            let more = own.parameters.len().saturating_sub(1);
            let facts = iter::once(Fact::of(element)).chain(iter::repeat_n(Fact::Anything, more));
            let facts = facts.take(own.parameters.len()).collect();
            self.give(super::changed::key(own), facts);
        }
    }
}

/// What a value that is written as it is is called, and what it is, where that is in the table.
fn kind(value: &Expr) -> Option<(String, Option<Type>)> {
    let (word, of) = match value {
        Expr::StringConstant(..) | Expr::InterpolatedString(..) => ("a text", Some(Type::Text)),
        Expr::IntegerConstant(..) => ("a number", Some(Type::Number)),
        Expr::FloatConstant(..) => ("a number", None),
        Expr::BoolConstant(..) => ("yes or no", Some(Type::YesNo)),
        Expr::CharConstant(..) => ("a single letter", None),
        Expr::Map(..) => ("a map", None),
        Expr::Unit(_) => ("nothing", None),
        // What stands in a list is not looked at.
        Expr::Array(..) => ("a list", Some(Type::Texts)),
        _ => return None,
    };
    Some((word.to_owned(), of))
}

fn sort_of(fact: Fact) -> Option<(String, Option<Type>)> {
    match fact {
        Fact::Is(Value::One(sort)) => Some((sort.shown().to_owned(), Some(Type::One(sort)))),
        Fact::Is(Value::Many(sort)) => Some(("a list".to_owned(), Some(Type::Many(sort)))),
        Fact::Is(Value::Word(_) | Value::Plain(_)) | Fact::Anything | Fact::Never => None,
    }
}

pub(super) fn with_article(wanted: Type) -> String {
    let word = reference::word(wanted);
    match wanted {
        Type::Text | Type::Number | Type::Texts | Type::Many(_) => format!("a {word}"),
        Type::YesNo | Type::One(_) => word,
    }
}
