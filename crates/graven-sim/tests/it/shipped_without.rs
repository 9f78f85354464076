//! What is shipped has neither the simulator nor a canary in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use graven_sim::Canary;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_command_is_built_without_the_simulated_disk() {
    let tree = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args(["tree", "--package", "graven-cli", "--edges", "normal,build,features", "--prefix", "none"])
        .arg("--offline")
        .output()
        .unwrap();
    let tree_text = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.status.success() && tree_text.contains("graven v"), "{tree_text}");
    assert!(
        !tree_text.contains("graven-sim")
            && !tree_text.contains("graven feature \"sim\"")
            && !tree_text.contains("graven-search feature \"sim\"")
            && !tree_text.contains("graven-archive feature \"sim\""),
        "{tree_text}"
    );
    assert!(!tree_text.contains("canary"), "{tree_text}");
}

#[test]
fn no_canary_is_named_in_the_code_that_is_shipped() {
    for part in ["graven-core", "graven", "graven-search", "graven-archive", "graven-cli"] {
        let mut files = vec![workspace().join("crates").join(part).join("src")];
        let mut looked_at = 0;
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(list(&path));
                continue;
            }
            let text = read(&path);
            for canary in Canary::ALL {
                assert!(!text.contains(canary.name()), "{} in {}", canary.name(), path.display());
            }
            looked_at += 1;
        }
        assert!(looked_at > 5, "{looked_at} files of {part}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the sources are no trail")]
fn list(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[expect(clippy::disallowed_methods, reason = "the sources are no trail")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
