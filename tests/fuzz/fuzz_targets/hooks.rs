//! Hooks of the shipped plugins on mails of any bytes: they never fail, whatever they find.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern::plugin::{Catalogue, PluginFolder, shipped};
use postern::service::hooks;

fuzz_target!(|raw: &[u8]| {
    let with_hooks = |folder: &PluginFolder| folder.files.contains_key("hooks.rhai");
    let mut folders: Vec<PluginFolder> = shipped().into_iter().filter(with_hooks).collect();
    for folder in &mut folders {
        let tests = "[[mail]]\neml = \"any.eml\"\n".to_owned();
        folder.files.insert("tests.toml", tests);
        folder.mails.insert("any.eml".to_owned(), raw.to_vec());
    }
    let (catalogue, problems) = Catalogue::build(folders, hooks::check);
    assert!(problems.is_empty(), "{problems:?}");
    for plugin in catalogue.iter() {
        for problem in hooks::failed_examples(plugin) {
            // That it finds something is fine; that the hook fails is not.
            assert!(!problem.words.contains("hooks.rhai"), "{problem}");
        }
    }
});
