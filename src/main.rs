//! The `slimwright` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    slimwright::cli::main()
}
