//! What a script may use. Rhai has no limits of its own except depth.

use std::time::Duration;

/// Bounds of one set of scripts. Rhai checks sizes after a step, so a value may
/// nearly double a size before it is stopped; the figures leave room for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long one call may take, for whoever asks the scripts about a mail.
    pub time_max: Duration,
    /// Operations of one call; a usual routing takes some hundreds.
    pub operations_max: u64,
    /// Functions that call functions. Rhai recurses on our stack.
    pub call_levels_max: usize,
    /// Nesting of expressions, found when compiled.
    pub expression_depth_max: usize,
    /// Bytes of one text. Longer texts of mails are cut to half of this.
    pub text_bytes_max: usize,
    /// Bytes that all variables of a call hold together.
    pub held_bytes_max: usize,
    /// Elements of one array.
    pub array_elements_max: usize,
    /// Entries of one object map.
    pub map_entries_max: usize,
    /// Variables alive at a time.
    pub variables_max: usize,
    /// Functions in one file.
    pub functions_max: usize,
    /// Modules imported in one call.
    pub modules_max: usize,
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Files in the folder, those in the folders of mailboxes too.
    pub files_max: usize,
    /// Lines that one call may print into its trace.
    pub prints_max: usize,
}

impl Limits {
    /// Of the hooks of a plugin: they read one mail and answer with some words.
    pub(super) const HOOKS: Self = Self {
        time_max: Duration::from_millis(50),
        operations_max: 100_000,
        call_levels_max: 16,
        expression_depth_max: 32,
        text_bytes_max: 256 * 1024,
        held_bytes_max: 8 * 1024 * 1024,
        array_elements_max: 2_000,
        map_entries_max: 100,
        variables_max: 100,
        functions_max: 50,
        modules_max: 0,
        file_bytes_max: 256 * 1024,
        files_max: 1,
        prints_max: 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time_max: Duration::from_millis(50),
            operations_max: 500_000,
            call_levels_max: 32,
            expression_depth_max: 64,
            text_bytes_max: 512 * 1024,
            held_bytes_max: 8 * 1024 * 1024,
            array_elements_max: 5_000,
            map_entries_max: 1_000,
            variables_max: 200,
            functions_max: 200,
            modules_max: 50,
            file_bytes_max: 256 * 1024,
            files_max: 1_000,
            prints_max: 20,
        }
    }
}
