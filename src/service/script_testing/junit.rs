//! A report as JUnit XML, which CI systems read.

use std::fmt::Write as _;

use super::Report;
use crate::script::Difference;

/// The report.
#[must_use]
pub fn xml(report: &Report<'_>) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let (count, failed) = (report.tests.len(), report.failed());
    let seconds = report.took.as_secs_f64();
    // Writing to a text cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites>\n<testsuite name=\"scripts\" tests=\"{count}\" failures=\"{failed}\" \
         errors=\"0\" time=\"{seconds:.6}\">"
    );
    for test in &report.tests {
        let case = test.case;
        let _ = write!(
            xml,
            "<testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.6}\"",
            escaped(&case.file),
            escaped(&case.name),
            escaped(&case.file),
            case.line,
            test.took.as_secs_f64()
        );
        if test.passed() {
            xml.push_str("/>\n");
            continue;
        }
        let differences = test.judged.differences.iter();
        let words: Vec<String> = differences.map(Difference::in_words).collect();
        let _ = write!(
            xml,
            ">\n<failure message=\"{}\">",
            escaped(&words.join("; "))
        );
        for step in &test.judged.trace {
            let line = format!("{}:{}:{} {}", step.file, step.line, step.column, step.what);
            let _ = writeln!(xml, "{}", escaped(&line));
        }
        xml.push_str("</failure>\n</testcase>\n");
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

/// XML 1.0 has no way to write most controls, so they are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => safe.push(c),
        }
    }
    safe
}
