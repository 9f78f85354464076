//! What is known of a command line: which program it runs, and which of its words is a secret.
//!
//! Other programs use the same flags and words for other things, so a known program must stand before them.

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
    /// `--value secret`, only where a secret is stored: `gh secret set`.
    Stored,
}

/// The programs, their flags, and the form of their secret.
#[rustfmt::skip]
const PROGRAMS: &[(&[&str], &[&str], Form)] = &[
    (&["curl"], &["-u", "--user", "-U", "--proxy-user"], Form::UserAndSecret),
    (&["wget"], &["-u"], Form::UserAndSecret),
    (&["http", "https", "httpie", "xh"], &["-a", "--auth"], Form::UserAndSecret),
    (&["sshpass", "mongo", "mongosh", "mongodump", "mongorestore"], &["-p"], Form::Either),
    (
        &["mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb", "mariadb-dump", "7z", "7za"],
        &["-p"],
        Form::Attached,
    ),
    (&["redis-cli"], &["-a"], Form::Either),
    (&["docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane"], &["-p"], Form::OfLogin),
    (&["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldappasswd", "ldapwhoami"], &["-w"], Form::Either),
    (&["zip", "unzip", "sqlcmd", "bcp"], &["-P"], Form::Either),
    (&["gh", "glab", "az", "aws", "doppler", "wrangler"], &["-b", "--body", "--value"], Form::Stored),
];

/// Programs that keep named values, and the words after which the name of one follows.
#[rustfmt::skip]
const SETTERS: &[(&[&str], &[&str])] = &[
    (&["git"], &["config"]),
    (
        &["npm", "pnpm", "yarn", "pip", "pip3", "poetry", "pulumi", "gcloud", "composer", "bundle", "conda", "redis-cli",
          "heroku", "netlify", "firebase", "wp", "occ", "gh", "glab", "cargo", "rclone", "uv", "pdm", "bun", "snap"],
        &["config", "set"],
    ),
    (&["aws", "az"], &["configure", "config", "set"]),
    (&["fly", "flyctl", "doppler", "supabase", "railway", "vercel", "wrangler", "vault", "bao", "kubectl", "oc", "dotnet", "helm"],
     &["set", "put", "add", "create", "patch", "write"]),
    (&["dvc"], &["modify"]),
    (&["setx", "setenv"], &["setx", "setenv"]),
    (&["set"], &["-x", "-gx", "-Ux", "-xg", "-xU"]),
];

/// What is known of a command line, word by word.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    programs: Vec<usize>,
    setters: Vec<usize>,
    sets: bool,
    login: bool,
    /// Whether a subcommand is about secrets: `gh secret set`.
    secret: bool,
}

impl Line {
    /// Takes the next word.
    pub(super) fn push(&mut self, word: &str) {
        let name = word.rsplit('/').next().unwrap_or(word);
        self.login |= word == "login";
        self.secret |= matches!(word, "secret" | "secrets" | "kv" | "put-parameter" | "variable");
        let known = |(names, ..): &(&[&str], &[&str], Form)| names.contains(&name);
        if let Some(program) = PROGRAMS.iter().position(known) {
            // Each once, at its last place: a line may name programs without end, and each flag asks all of them.
            self.programs.retain(|before| *before != program);
            self.programs.push(program);
        }
        if let Some(setter) = SETTERS.iter().position(|(names, _)| names.contains(&name))
            && !self.setters.contains(&setter)
        {
            self.setters.push(setter);
        }
        // `heroku config:set` is one word.
        let parts = || word.split(':');
        self.sets |= self.setters.iter().any(|setter| parts().any(|part| SETTERS[*setter].1.contains(&part)));
    }

    /// Whether a name and its value may follow as two words.
    pub(super) fn sets(&self) -> bool {
        self.sets
    }

    /// Whether the value of this name may be the next word. `secret` is a word of the command itself.
    pub(super) fn sets_name(&self, name: &str) -> bool {
        self.sets && !matches!(name, "secret" | "secrets")
    }

    /// Whether secrets are stored, so that any name may stand before one.
    pub(super) fn stores(&self) -> bool {
        self.secret && self.sets
    }

    /// The form of the secret after a flag, and the length of the flag without what is attached to it; `None` when the
    /// flag takes none.
    pub(super) fn flag(&self, word: &str) -> Option<(Form, usize)> {
        if word.starts_with("--") {
            let name = word.split('=').next().unwrap_or(word);
            return Some((self.form_of(name)?, name.len()));
        }
        if let Some(form) = word.get(..2).and_then(|flag| self.form_of(flag)) {
            return Some((form, 2));
        }
        // `curl -sSu user:secret`
        let letters = word.bytes().skip(1).take_while(u8::is_ascii_alphabetic).count();
        let last = word
            .get(letters..=letters)
            .filter(|_| letters > 1 && letters < 8 && letters + 1 == word.len())?;
        let form = self.form_of(&format!("-{last}")).filter(|form| *form == Form::UserAndSecret)?;
        Some((form, word.len()))
    }

    fn form_of(&self, flag: &str) -> Option<Form> {
        let forms = self.programs.iter().rev().map(|place| PROGRAMS[*place]);
        let (.., form) = forms.into_iter().find(|(_, flags, _)| flags.contains(&flag))?;
        match form {
            Form::OfLogin => self.login.then_some(form),
            Form::Stored => self.secret.then_some(form),
            _ => Some(form),
        }
    }
}

impl Form {
    /// Start and length of the secret in a flag's argument; `None` when there is none. `mark` says where a mark ends that
    /// begins at a place.
    pub(super) fn secret(
        self,
        argument: &str,
        mark: impl Fn(usize) -> Option<usize>,
    ) -> Option<(usize, usize)> {
        let skipped = match self {
            Form::UserAndSecret => {
                let mut at = 0;
                // The user may be a mark, which holds colons.
                loop {
                    at += argument[at..].find([':', '['])?;
                    match mark(at) {
                        Some(end) => at = end,
                        None if argument.as_bytes()[at] == b':' => break at + 1,
                        None => at += 1,
                    }
                }
            }
            Form::Either | Form::Attached | Form::OfLogin | Form::Stored => 0,
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
        assert!(line.setters.len() <= SETTERS.len(), "{}", line.setters.len());
        let (names, flags, _) = PROGRAMS[0];
        line.push(names[0]);
        assert!(line.flag(flags[0]).is_some(), "the last one counts");
    }

    /// A flag that the filter lets pass would never be found.
    #[test]
    fn the_filter_holds_every_flag_up() {
        for flag in PROGRAMS.iter().flat_map(|(_, flags, _)| *flags) {
            for text in [format!("x {flag} a:b"), format!("x {flag}=a:b")] {
                let held = crate::redact::gram::next_suspect(text.as_bytes(), 0, 0);
                assert!(held.is_some_and(|(at, _)| at < 1 + flag.len()), "{text}");
            }
        }
    }

    #[test]
    fn a_flag_ends_where_its_argument_begins() {
        let mut line = Line::default();
        line.push("/usr/bin/curl");
        for (flag, length) in [("-u", 2), ("-ubob:pw", 2), ("--user", 6), ("--user=bob:pw", 6), ("-sSu", 4)] {
            assert_eq!(line.flag(flag), Some((Form::UserAndSecret, length)), "{flag}");
        }
        for flag in ["-s", "--url", "-sS", "-", "--"] {
            assert_eq!(line.flag(flag), None, "{flag}");
        }
    }

    #[test]
    fn a_name_follows_the_word_that_sets_it() {
        let sets = |words: &str| {
            let mut line = Line::default();
            words.split(' ').for_each(|word| line.push(word));
            line.sets()
        };
        for words in [
            "npm config set",
            "heroku config:set",
            "git config --global",
            "aws configure set",
            "setx",
            "set -gx",
        ] {
            assert!(sets(words), "{words}");
        }
        for words in ["npm install", "set", "config set", "please set the", "git push"] {
            assert!(!sets(words), "{words}");
        }
    }
}
