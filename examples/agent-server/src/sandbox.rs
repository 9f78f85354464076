//! What a tool may do: commands of a short list, harmless options, and paths within its session's folder.

use std::path::{Component, Path, PathBuf};

use serde::Serialize;

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

/// The most bytes of a tool's name. Those on the list are shorter.
const NAME_BYTES_MAX: usize = 64;

/// A call as its entry says it: no more than a call can have that may be made. Otherwise a client could make the server
/// redact and store all that fits into a request, by a call that is refused.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    pub(crate) tool: &'a str,
    arguments: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOut>,
}

/// What an entry leaves out of a call: whole arguments, because half a secret is not recognised as one.
#[derive(Debug, Serialize)]
struct LeftOut {
    arguments: usize,
    bytes: usize,
}

/// What the entries about a call say of it.
pub(crate) fn told<'a>(name: &'a str, arguments: &'a [String]) -> Told<'a> {
    let tool = if name.len() <= NAME_BYTES_MAX { name } else { "(a name that is too long)" };
    let taken = arguments.iter().take(ARGUMENTS_MAX).map(String::as_str);
    let taken: Vec<&str> = taken.filter(|argument| argument.len() <= ARGUMENT_BYTES_MAX).collect();
    let bytes =
        arguments.iter().map(String::len).sum::<usize>() - taken.iter().map(|text| text.len()).sum::<usize>();
    let left_out = LeftOut { arguments: arguments.len() - taken.len(), bytes };
    Told { tool, left_out: (left_out.arguments > 0).then_some(left_out), arguments: taken }
}

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
