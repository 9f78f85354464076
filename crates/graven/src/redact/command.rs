//! Finds secrets after a flag of one letter in a command line: `curl -u`, `mysql -p`, `sshpass -p`, `docker login -p`.
//!
//! Other programs use the same flags for other things, so a known program must stand before the flag.

use super::rules::COMMAND;
use super::text::Scan;
use super::value;

/// The form in which a program takes its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `-p secret`, `-psecret`
    Either,
    /// `-psecret`. With a blank, the program asks for the secret instead.
    Attached,
    /// `-u user:secret`
    UserAndSecret,
    /// `-p secret`, only with the subcommand `login`.
    OfLogin,
}

/// The programs, their flag, and the form of its secret.
const PROGRAMS: &[(&[&str], u8, Form)] = &[
    (&["curl", "wget"], b'u', Form::UserAndSecret),
    (&["http", "https", "httpie", "xh"], b'a', Form::UserAndSecret),
    (&["sshpass", "mongo", "mongosh", "mongodump", "mongorestore"], b'p', Form::Either),
    (
        &["mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb", "mariadb-dump", "7z", "7za"],
        b'p',
        Form::Attached,
    ),
    (&["redis-cli"], b'a', Form::Either),
    (&["docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane"], b'p', Form::OfLogin),
    (&["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldappasswd", "ldapwhoami"], b'w', Form::Either),
    (&["zip", "unzip", "sqlcmd", "bcp"], b'P', Form::Either),
];

/// The bytes before a flag in which the program must stand.
const BEFORE_SEEN: usize = 192;

/// The secret after the flag at this place in a text.
pub(super) fn find(scan: &mut Scan<'_>, at: usize) -> Option<(usize, usize, &'static str)> {
    let bytes = scan.bytes();
    let from = at.saturating_sub(BEFORE_SEEN);
    let is_break = |byte: &u8| matches!(byte, b'\n' | b';' | b'|' | b'&' | b'(' | b'`');
    let from = bytes[from..at].iter().rposition(is_break).map_or(from, |place| from + place + 1);
    scan.work(at - from);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    let mut line = Line::default();
    for word in bytes[from..at].split(|byte| !is_word(byte)) {
        line.push(std::str::from_utf8(word).unwrap_or_default());
    }
    let form = line.form_of(bytes[at + 2])?;
    let behind = at + 3;
    let start = match bytes.get(behind)? {
        b' ' => behind + bytes[behind..].iter().take(8).take_while(|byte| **byte == b' ').count(),
        b'"' if bytes[at] == b'"' => {
            let rest = &bytes[behind + 1..];
            let between = rest.iter().take(4).take_while(|byte| matches!(byte, b',' | b' ')).count();
            if between == 0 || rest.get(between) != Some(&b'"') {
                return None;
            }
            behind + 1 + between
        }
        _ => behind,
    };
    if form == Form::Attached && start > behind {
        return None;
    }
    let quote = bytes.get(start).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let start = start + usize::from(quote.is_some());
    let is_end = |byte: &u8| match quote {
        Some(quote) => *byte == quote || *byte == b'\n',
        None => *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b';' | b'|'),
    };
    let end = bytes[start..].iter().position(is_end).map_or(bytes.len(), |length| start + length);
    scan.work(end - start);
    let (skipped, length) = form.secret(&scan.text[start..end])?;
    Some((start + skipped, start + skipped + length, COMMAND))
}

/// What is known of a command line, word by word.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    programs: Vec<usize>,
    login: bool,
}

impl Line {
    /// Takes the next word.
    pub(super) fn push(&mut self, word: &str) {
        let name = word.rsplit('/').next().unwrap_or(word);
        self.login |= word == "login";
        let known = |(names, ..): &(&[&str], u8, Form)| names.contains(&name);
        if let Some(program) = PROGRAMS.iter().position(known) {
            // Each once, at its last place: a line may name programs without end, and each flag asks all of them.
            self.programs.retain(|before| *before != program);
            self.programs.push(program);
        }
    }

    /// The form of the secret after the flag with this letter; `None` when the flag takes none.
    pub(super) fn form_of(&self, letter: u8) -> Option<Form> {
        let forms = self.programs.iter().rev().map(|place| PROGRAMS[*place]);
        let (.., form) = forms.into_iter().find(|(_, flag, _)| *flag == letter)?;
        (form != Form::OfLogin || self.login).then_some(form)
    }
}

impl Form {
    /// Start and length of the secret in a flag's argument; `None` when there is none.
    pub(super) fn secret(self, argument: &str) -> Option<(usize, usize)> {
        let skipped = match self {
            Form::UserAndSecret => argument.find(':')? + 1,
            Form::Either | Form::Attached | Form::OfLogin => 0,
        };
        let secret = &argument[skipped..];
        let right = !secret.is_empty() && !secret.starts_with('-') && !value::is_variable(secret);
        right.then_some((skipped, secret.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_each_program_once_however_often_it_is_named() {
        let mut line = Line::default();
        for _ in 0..1_000 {
            for (names, ..) in PROGRAMS {
                names.iter().for_each(|name| line.push(name));
            }
        }
        assert!(line.programs.len() <= PROGRAMS.len(), "{}", line.programs.len());
        let (names, flag, _) = PROGRAMS[0];
        line.push(names[0]);
        assert!(line.form_of(flag).is_some(), "the last one counts");
    }
}
