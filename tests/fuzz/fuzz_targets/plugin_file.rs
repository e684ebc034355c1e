//! A plugin's files of any text: a catalogue with it, or problems that name their place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern::plugin::{Catalogue, PluginFolder};

fuzz_target!(|text: &str| {
    let (facts, rest) = text.split_once('\0').unwrap_or((text, ""));
    let (guide, tests) = rest.split_once('\0').unwrap_or((rest, ""));
    let mut folder = PluginFolder {
        name: "acme".to_owned(),
        shown: "plugins/acme".to_owned(),
        ..PluginFolder::default()
    };
    for (file, text) in [
        ("plugin.toml", facts),
        ("guide.en.md", guide),
        ("tests.toml", tests),
    ] {
        folder.files.insert(file, text.to_owned());
    }
    let (catalogue, problems) = Catalogue::build(vec![folder], |_| Vec::new());
    let used = catalogue.iter().count();
    assert!(used == 1 || !problems.is_empty(), "left out without a word");
    for problem in problems {
        assert!(
            problem.to_string().starts_with("plugins/acme/"),
            "{problem}"
        );
    }
});
