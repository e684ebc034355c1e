//! The `postern` binary: hands over to `cli/`. Deliberately absent: everything else.

fn main() -> std::process::ExitCode {
    postern::cli::main()
}
