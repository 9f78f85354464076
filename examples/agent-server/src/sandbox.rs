//! What a tool may do: commands of a short list, harmless options, and paths within its session's folder.

use std::path::{Component, Path, PathBuf};

/// A tool: its name, and the options that it may be given.
struct Tool {
    name: &'static str,
    options: &'static [&'static str],
}

/// None of them starts another program, and no option here names a file or one.
const TOOLS: &[Tool] = &[
    Tool { name: "cat", options: &["-n"] },
    Tool { name: "echo", options: &["-n"] },
    Tool { name: "head", options: &["-1", "-5", "-10"] },
    Tool { name: "ls", options: &["-1", "-a", "-l"] },
    Tool { name: "rm", options: &[] },
    Tool { name: "sha256sum", options: &[] },
    Tool { name: "sleep", options: &[] },
    Tool { name: "sort", options: &["-n", "-r", "-u"] },
    Tool { name: "tee", options: &["-a"] },
    Tool { name: "wc", options: &["-c", "-l", "-w"] },
];

/// The most arguments of a call, and the most bytes of each.
const ARGUMENTS_MAX: usize = 16;
const ARGUMENT_BYTES_MAX: usize = 4_096;

/// A call that may be made: the program and its arguments.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// Decides on a call in a session's folder; `Err` says why not.
pub(crate) async fn decide(
    folder: &Path,
    name: &str,
    arguments: &[String],
    disabled: &[String],
) -> Result<Allowed, String> {
    let Some(tool) = TOOLS.iter().find(|tool| tool.name == name) else {
        return Err("the command is not on the list".to_owned());
    };
    if disabled.iter().any(|disabled| disabled == name) {
        return Err("the command is switched off in the configuration".to_owned());
    }
    if arguments.len() > ARGUMENTS_MAX || arguments.iter().any(|text| text.len() > ARGUMENT_BYTES_MAX) {
        return Err("too many arguments, or too long ones".to_owned());
    }
    let takes_files = !matches!(name, "echo" | "sleep");
    for argument in arguments {
        if argument.contains('\0') {
            return Err("an argument has a zero byte".to_owned());
        }
        if argument.starts_with('-') {
            if !tool.options.contains(&argument.as_str()) {
                return Err(format!("the option {argument:?} is not on the list"));
            }
        } else if takes_files {
            stays_within(folder, argument).await?;
        }
    }
    let program = program(name).await.ok_or("the command is not installed")?;
    Ok(Allowed { program, arguments: arguments.to_vec() })
}

/// Whether a path names something in the folder, symbolic links resolved.
async fn stays_within(folder: &Path, argument: &str) -> Result<(), String> {
    let leaves = || format!("the path {argument:?} leaves the session's folder");
    let path = Path::new(argument);
    if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(leaves());
    }
    let folder = tokio::fs::canonicalize(folder).await.map_err(|_| leaves())?;
    // What is not there yet is judged by the nearest folder that is.
    for place in folder.join(path).ancestors() {
        match tokio::fs::canonicalize(place).await {
            Ok(real) if real.starts_with(&folder) => return Ok(()),
            Ok(_) => return Err(leaves()),
            // A link that leads nowhere yet would be followed by the program that writes there.
            Err(_) if tokio::fs::symlink_metadata(place).await.is_ok() => return Err(leaves()),
            Err(_) => {}
        }
    }
    Err(leaves())
}

/// Where a command is; the server's own `PATH` is not asked.
async fn program(name: &str) -> Option<PathBuf> {
    for folder in ["/usr/bin", "/bin"] {
        let path = Path::new(folder).join(name);
        if tokio::fs::metadata(&path).await.is_ok() {
            return Some(path);
        }
    }
    None
}
