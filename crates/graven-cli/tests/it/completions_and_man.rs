//! `completions` and `man` cover every command.

use crate::run::Place;

#[test]
fn every_shell_gets_a_script() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(["completions", shell]).ok().text();
        assert!(script.contains("tlog-proof") || script.contains("verify"), "{shell}");
    }
    place.run(["completions", "nosuchshell"]).code(2);
}

#[test]
fn every_command_has_its_page() {
    let place = Place::empty();
    assert!(place.run(["man"]).ok().text().contains(".TH graven 1"));
    place.run(["man", "--out", "pages"]).ok();
    for name in [
        "graven",
        "graven-record",
        "graven-exec",
        "graven-verify",
        "graven-serve",
        "graven-token-new",
        "graven-export-tiles",
        "graven-export-copy",
        "graven-export-viewer",
    ] {
        let page = place.read(&format!("pages/{name}.1"));
        assert!(page.contains(&format!(".TH {name} 1")), "{name}: {}", &page[..200.min(page.len())]);
    }
}
