//! Reads the output of `strace -y -xx`. A line that it cannot read fails the test.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One system call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The thread that made the call. 0 when only one was traced.
    pub(crate) thread: u32,
    pub(crate) name: String,
    pub(crate) args: Vec<Arg>,
    /// The returned value. `None` when the process died in the call.
    pub(crate) returned: Option<i64>,
    /// The path of the returned descriptor.
    pub(crate) returned_path: Option<PathBuf>,
    /// Whether strace made the call fail.
    pub(crate) injected: bool,
    /// The lines of the trace where the call began and ended.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

/// One argument, as far as these tests need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arg {
    /// A string, in full.
    Bytes(Vec<u8>),
    /// A descriptor and its path.
    Fd(i64, PathBuf),
    /// Anything else, as text.
    Other(String),
}

impl Call {
    /// Every path of the call: in its arguments and behind its descriptors.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let first_strings = match self.name.as_str() {
            "write" | "pwrite64" | "read" | "pread64" | "getdents64" => 0,
            _ => usize::MAX,
        };
        self.args.iter().enumerate().filter_map(move |(place, arg)| match arg {
            // An empty string after a descriptor means the descriptor itself.
            Arg::Bytes(bytes) if place < first_strings && !bytes.is_empty() => {
                std::str::from_utf8(bytes).ok().map(Path::new)
            }
            Arg::Fd(_, path) => Some(path.as_path()),
            _ => None,
        })
    }

    /// The file of the call, but not the working directory.
    pub(crate) fn path(&self) -> Option<&Path> {
        let at_cwd = matches!(self.args.first(), Some(Arg::Fd(AT_FDCWD, _)));
        self.paths().nth(usize::from(at_cwd))
    }

    pub(crate) fn bytes(&self, place: usize) -> &[u8] {
        match &self.args[place] {
            Arg::Bytes(bytes) => bytes,
            other => panic!("{} has {other:?} where a string should be", self.name),
        }
    }

    pub(crate) fn fd(&self, place: usize) -> i64 {
        match &self.args[place] {
            Arg::Fd(fd, _) => *fd,
            Arg::Other(number) => number.parse().unwrap(),
            other => panic!("{} has {other:?} where a descriptor should be", self.name),
        }
    }

    pub(crate) fn number(&self, place: usize) -> u64 {
        match &self.args[place] {
            Arg::Other(number) => number.parse().unwrap_or_else(|_| panic!("{}: {number}", self.name)),
            other => panic!("{} has {other:?} where a number should be", self.name),
        }
    }

    pub(crate) fn flags(&self, place: usize) -> &str {
        match &self.args[place] {
            Arg::Other(flags) => flags,
            other => panic!("{} has {other:?} where flags should be", self.name),
        }
    }

    pub(crate) fn worked(&self) -> bool {
        self.returned.is_some_and(|returned| returned >= 0)
    }
}

/// The working directory, as a number that no descriptor has.
const AT_FDCWD: i64 = -100;

/// The calls in the order of their ends. Calls that did not end come last.
pub(crate) fn parse(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<u32, (usize, String)> = HashMap::new();
    for (number, line) in trace.lines().enumerate() {
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let thread = if digits == 0 { 0 } else { line[..digits].parse().unwrap() };
        let rest = line[digits..].trim_start();
        if rest.starts_with("+++ ") || rest.starts_with("--- ") || rest.is_empty() {
            continue;
        }
        if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            let before = unfinished.insert(thread, (number, begin.to_owned()));
            assert!(before.is_none(), "line {number}: two calls of one thread at once: {line}");
            continue;
        }
        let (begun, text) = match rest.strip_prefix("<... ") {
            None => (number, rest.to_owned()),
            Some(resumed) => {
                let (name, end) = resumed.split_once(" resumed>").expect("a resumed call");
                let (begun, begin) = unfinished.remove(&thread).expect("it had begun");
                assert!(begin.starts_with(name), "line {number}: {begin} goes on as {line}");
                (begun, begin + end)
            }
        };
        calls.push(Call { begun, ended: number, ..call(thread, &text).unwrap_or_else(|| panic!("{line}")) });
    }
    let last = trace.lines().count();
    let mut cut: Vec<_> = unfinished.into_iter().collect();
    cut.sort();
    for (thread, (begun, begin)) in cut {
        let text = format!("{}) = ?", begin.trim_end_matches([' ', ',']));
        calls.push(Call { begun, ended: last, ..call(thread, &text).unwrap_or_else(|| panic!("{begin}")) });
    }
    calls
}

/// `name(args) = result`.
fn call(thread: u32, text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let end = closing(rest)?;
    let result = rest[end + 1..].trim_start().strip_prefix("= ")?;
    let mut call = Call {
        thread,
        name: name.to_owned(),
        args: arguments(&rest[..end])?,
        returned: None,
        returned_path: None,
        injected: result.ends_with("(INJECTED)"),
        begun: 0,
        ended: 0,
    };
    let value = result.split(' ').next()?;
    if value != "?" {
        let (number, path) = match value.split_once('<') {
            Some((number, path)) => (number, Some(decoded(path.strip_suffix('>')?)?)),
            None => (value, None),
        };
        let digits = number.strip_prefix("0x");
        call.returned = Some(digits.map_or_else(|| number.parse(), |hex| i64::from_str_radix(hex, 16)).ok()?);
        call.returned_path = path.map(as_path);
    }
    Some(call)
}

/// Where the bracket closes that was open at the beginning.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_u32;
    text.bytes().position(|byte| {
        depth = depth + u32::from(byte == b'(') - u32::from(byte == b')');
        depth == 0
    })
}

/// Splits at the commas that stand in no bracket. Strings hold nothing but `\xNN`, so they need no care.
fn arguments(text: &str) -> Option<Vec<Arg>> {
    let (mut depth, mut start) = (0_i32, 0);
    let mut args = Vec::new();
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth -= 1,
            b',' if depth == 0 => {
                args.push(argument(text[start..place].trim())?);
                start = place + 1;
            }
            _ => {}
        }
    }
    if depth != 0 {
        return None;
    }
    if !text[start..].trim().is_empty() {
        args.push(argument(text[start..].trim())?);
    }
    Some(args)
}

fn argument(text: &str) -> Option<Arg> {
    if let Some(string) = text.strip_prefix('"') {
        // Anything after the closing quote means that the string was cut.
        return decoded(string.strip_suffix('"')?).map(Arg::Bytes);
    }
    let fd = text.split_once('<').and_then(|(fd, path)| {
        let path = as_path(decoded(path.strip_suffix('>').or_else(|| path.strip_suffix(">(deleted)"))?)?);
        match fd {
            "AT_FDCWD" => Some(Arg::Fd(AT_FDCWD, path)),
            fd => Some(Arg::Fd(fd.parse().ok()?, path)),
        }
    });
    Some(fd.unwrap_or_else(|| Arg::Other(text.to_owned())))
}

/// Decodes `\x2f\x61` to bytes. The name of a descriptor without a file, such as `pipe:[123]`, may come undecoded.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if !text.starts_with("\\x") {
        return Some(text.as_bytes().to_vec());
    }
    let bytes = text.as_bytes().chunks(4);
    bytes
        .map(|byte| {
            let digits = std::str::from_utf8(byte.strip_prefix(b"\\x")?).ok()?;
            (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
        })
        .collect()
}

fn as_path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn interleaved_calls_are_read() {
    let trace = "\
7  openat(AT_FDCWD<\\x2f>, \"\\x2f\\x61\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<\\x2f\\x61>
7  pwrite64(3<\\x2f\\x61>, \"\\x28\\x2c\\x22\", 3, 10 <unfinished ...>
8  fsync(4</>)                         = -1 EIO (Input/output error) (INJECTED)
7  <... pwrite64 resumed>)             = 3
7  fsync(3<\\x2f\\x61> <unfinished ...>
7  +++ killed by SIGKILL +++
";
    let calls = parse(trace);
    let names: Vec<_> = calls.iter().map(|call| (call.thread, call.name.as_str(), call.returned)).collect();
    assert_eq!(
        names,
        [(7, "openat", Some(3)), (8, "fsync", Some(-1)), (7, "pwrite64", Some(3)), (7, "fsync", None)]
    );
    assert_eq!(calls[0].path(), Some(Path::new("/a")));
    assert_eq!(calls[0].returned_path.as_deref(), Some(Path::new("/a")));
    assert_eq!((calls[2].bytes(1), calls[2].number(3), calls[2].fd(0)), (&b"(,\""[..], 10, 3));
    assert_eq!((calls[2].begun, calls[2].ended), (1, 3));
    assert!(calls[1].injected && !calls[0].injected);
}

#[test]
#[should_panic(expected = "write(1")]
fn a_string_that_was_cut_is_refused() {
    parse("write(1, \"\\x28\"..., 400) = 400\n");
}
