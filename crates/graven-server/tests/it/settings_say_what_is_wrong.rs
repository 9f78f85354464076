//! Settings: which source counts, and what is said of a mistake.

use std::path::{Path, PathBuf};

use graven_server::auth::{NewToken, Role, Tokens};
use graven_server::data::DataFolder;
use graven_server::settings::{Effective, Given, Source};

use crate::authority::Authority;
use crate::token_changes_count_from_the_next_request::now;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("graven.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Flags in the order key, value, and the other sources.
    fn read(
        &self,
        flags: &[(&'static str, &str)],
        set: &[&str],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<Effective, String> {
        let data = self.folder.path().join("data").display().to_string();
        let mut given = Given {
            flags: flags.iter().map(|(key, value)| (*key, vec![(*value).to_owned()])).collect(),
            set: set.iter().map(|pair| (*pair).to_owned()).collect(),
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            file: (!file.is_empty()).then(|| self.file(file)),
        };
        given.flags.push(("data", vec![data]));
        Effective::read(&given).map_err(|error| error.to_string())
    }
}

fn source(effective: &Effective, key: &str) -> Source {
    effective.values.iter().find(|value| value.row.key == key).unwrap().source.clone()
}

#[test]
fn a_flag_counts_before_a_variable_before_the_file_before_the_default() {
    let place = Place::new();
    let file = "listen = \"127.0.0.1:3\"\n";
    let variable = [("GRAVEN_LISTEN", "127.0.0.1:2")];
    let port = |effective: &Effective| effective.settings.listen.address().unwrap().port();

    let all = place.read(&[("listen", "127.0.0.1:1")], &["listen=127.0.0.1:9"], &variable, file).unwrap();
    assert_eq!((port(&all), source(&all, "listen")), (1, Source::Flag("--listen".into())));
    let set = place.read(&[], &["listen=127.0.0.1:9"], &variable, file).unwrap();
    assert_eq!((port(&set), source(&set, "listen")), (9, Source::Flag("--set".into())));
    let variable = place.read(&[], &[], &variable, file).unwrap();
    assert_eq!((port(&variable), source(&variable, "listen")), (2, Source::Variable("GRAVEN_LISTEN".into())));
    let in_file = place.read(&[], &[], &[("GRAVEN_LISTEN", "")], file).unwrap();
    let line = Source::File { path: place.folder.path().join("graven.toml"), line: 1 };
    assert_eq!((port(&in_file), source(&in_file, "listen")), (3, line));
    let default = place.read(&[], &[], &[], "").unwrap();
    assert_eq!((port(&default), source(&default, "listen")), (4728, Source::Default));
}

#[test]
fn every_kind_of_value_is_read_from_the_file() {
    let place = Place::new();
    let file = "# a comment\nlisten = \"localhost:1\"\nhosts = [\"Audit.example.com\"]\ndemo = true\n\n[trails]\n\
                other = \"/srv/other\"\n\n[read]\nold = \"/srv/old\"\n\n[verify]\nevery = \"1d\"\n\n[limits]\n\
                body_bytes = \"1MiB\"\nconnections = 5000\nheader_time = \"2s\"\n";
    let Effective { settings, values } = place.read(&[], &[], &[], file).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:1");
    assert_eq!(settings.hosts, ["audit.example.com"]);
    let names: Vec<_> = settings.trails.iter().map(|trail| (trail.name.as_str(), trail.read_only)).collect();
    assert_eq!(names, [("main", false), ("demo", false), ("other", false), ("old", true)]);
    assert_eq!(settings.trails[0].dir, settings.data.path().join("trails/main"));
    assert_eq!(settings.trails[2].dir, Path::new("/srv/other"));
    assert_eq!(settings.verify_every.unwrap().as_secs(), 86_400);
    assert_eq!((settings.limits.body_bytes, settings.limits.connections), (1 << 20, 5_000));
    assert_eq!(settings.limits.header_time.as_secs(), 2);
    let lines: Vec<_> = values
        .iter()
        .filter_map(|value| match &value.source {
            Source::File { line, .. } => Some((value.row.key, *line)),
            _ => None,
        })
        .collect();
    let expected = [
        ("listen", 2),
        ("trails", 6),
        ("read", 9),
        ("hosts", 3),
        ("demo", 4),
        ("verify.every", 13),
        ("limits.body_bytes", 16),
        ("limits.header_time", 18),
        ("limits.connections", 17),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn clients_have_their_roles_from_a_table() {
    let place = Place::new();
    let file =
        "[tls.clients]\n\"CN=billing,O=Example\" = \"writer:main+other\"\n\"dns:ops.example\" = \"admin\"\n";
    let settings = place.read(&[], &[], &[], file).unwrap().settings;
    let rows: Vec<_> = settings.tls.clients.iter().map(ToString::to_string).collect();
    assert_eq!(rows, ["CN=billing,O=Example=writer:main+other", "dns:ops.example=admin"]);
    let said = place.read(&[], &["tls.clients=CN=a=writer,CN=a=reader"], &[], "").unwrap_err();
    assert_eq!(said, "--set: tls.clients: \"CN=a\" has two roles");
}

#[test]
fn a_file_is_looked_for_where_systemd_hands_secrets_over() {
    let place = Place::new();
    let handed = place.folder.path().join("handed");
    std::fs::create_dir(&handed).unwrap();
    std::fs::write(handed.join("key.pem"), "").unwrap();
    let variables = [("CREDENTIALS_DIRECTORY", handed.to_str().unwrap())];
    let set = ["tls.cert_file=cert.pem", "tls.key_file=key.pem", "tls.client_ca_file=/etc/key.pem"];
    let Effective { settings, values } = place.read(&[], &set, &variables, "").unwrap();
    assert_eq!(settings.tls.cert_file.as_deref(), Some(Path::new("cert.pem")), "it is not there");
    assert_eq!(settings.tls.key_file, Some(handed.join("key.pem")));
    assert_eq!(settings.tls.client_ca_file.as_deref(), Some(Path::new("/etc/key.pem")));
    let shown = values.iter().find(|value| value.row.key == "tls.key_file").unwrap();
    assert_eq!(shown.items, [handed.join("key.pem").display().to_string()]);
    let elsewhere = place.read(&[], &set, &[], "").unwrap().settings;
    assert_eq!(elsewhere.tls.key_file.as_deref(), Some(Path::new("key.pem")));
}

#[test]
fn lists_on_one_line_have_commas() {
    let place = Place::new();
    let variables = [("GRAVEN_HOSTS", "a.example, b.example"), ("GRAVEN_TRAILS", "x=/x,main=/elsewhere")];
    let settings = place.read(&[], &[], &variables, "").unwrap().settings;
    assert_eq!(settings.hosts, ["a.example", "b.example"]);
    let trails: Vec<_> =
        settings.trails.iter().map(|trail| format!("{}={}", trail.name, trail.dir.display())).collect();
    assert_eq!(trails, ["main=/elsewhere", "x=/x"]);
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_was_meant() {
    let place = Place::new();
    let said = |flags: &[(&'static str, &str)], set: &[&str], variables: &[(&str, &str)], file: &str| {
        let said = place.read(flags, set, variables, file).unwrap_err();
        said.replace(&format!("{}/", place.folder.path().display()), "")
    };
    let file = |text: &str| said(&[], &[], &[], text);
    assert_eq!(
        file("\nlistn = 1\n"),
        "graven.toml line 2: there is no setting \"listn\"; did you mean `listen`?"
    );
    assert_eq!(
        file("[limits]\nbody_byte = 1\n"),
        "graven.toml line 2: there is no setting \"limits.body_byte\"; did you mean `limits.body_bytes`?"
    );
    assert!(
        file("[limit]\nbody_bytes = 1\n").starts_with("graven.toml line 1: there is no setting \"limit\"")
    );
    assert!(file("listen = \n").starts_with("graven.toml is not TOML, line 1: "));
    assert!(
        file("demo = true\nlisten = \"a\"\nlisten = \"b\"\n")
            .starts_with("graven.toml is not TOML, line 3: ")
    );
    assert_eq!(
        file("demo = true\nlisten = \"4728\"\n"),
        "graven.toml line 2: listen: \"4728\" is no address with a port: write it as 127.0.0.1:4728 or [::1]:4728"
    );
    assert_eq!(
        file("[limits]\n\n\nbody_bytes = \"2GiB\"\n"),
        "graven.toml line 4: limits.body_bytes: 2GiB is too large: at most 1GiB"
    );
    assert_eq!(file("demo = 1.5\n"), "graven.toml line 1: demo: float is not taken here: write it in quotes");
    assert_eq!(file("demo = \"yes\"\n"), "graven.toml line 1: demo: \"yes\" is neither true nor false");
    assert_eq!(file("listen = [\"a\", \"b\"]\n"), "graven.toml line 1: listen: it takes one value, not 2");
    assert!(file("[trails]\nMAIN = \"/x\"\n").contains("line 1: trails: \"MAIN\" is no name of a trail"));
    assert_eq!(
        said(&[], &[], &[("GRAVEN_LIMITS_STREAMS", "0")], ""),
        "GRAVEN_LIMITS_STREAMS: limits.streams: 0 is too small: at least 1"
    );
    assert_eq!(
        said(&[("trails", "x")], &[], &[], ""),
        "--trail: trails: \"x\" is no trail: write it as NAME=DIR"
    );
    assert_eq!(
        said(&[], &["verify.evry=1d"], &[], ""),
        "--set: there is no setting \"verify.evry\"; did you mean `verify.every`?"
    );
    assert_eq!(said(&[], &["verify.every=1s"], &[], ""), "--set: verify.every: 1s is too small: at least 1m");
    for url in [
        "http://login.example.com/keys",
        "login.example.com",
        "ftp://127.0.0.1/",
        "https://",
        "http://127.0.0.1.x/",
    ] {
        let why = said(&[], &[&format!("jwt.jwks_url={url}")], &[], "");
        assert!(why.contains("is no address with https://"), "{url}: {why}");
    }
    assert_eq!(
        said(&[], &["jwt.algorithms=ES256,HS256"], &[], ""),
        "--set: jwt.algorithms: HS256 needs a secret, and an issuer shows its keys to everybody"
    );
    assert!(said(&[], &["jwt.algorithms=none"], &[], "").contains("\"none\" is no algorithm"));
    assert_eq!(
        said(&[], &["listen=unix:"], &[], ""),
        "--set: listen: the path of the Unix socket is missing"
    );
    for mode in ["0999", "01777", "rw", ""] {
        assert!(said(&[], &[&format!("socket.mode={mode}")], &[], "").contains("socket.mode: "), "{mode}");
    }
    assert!(said(&[], &["socket.group=no-such-group"], &[], "").contains("has no group \"no-such-group\""));
    assert!(said(&[], &["socket.role=boss"], &[], "").contains("there is no role \"boss\""));
    // Also where another source counts.
    assert!(
        said(&[("listen", "127.0.0.1:1")], &[], &[], "listen = \"x\"\n")
            .starts_with("graven.toml line 1: listen: ")
    );
    let missing = Given { file: Some("no/such.toml".into()), ..Given::default() };
    let missing = Effective::read(&missing).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the settings in no/such.toml: No such file"), "{missing}");
}

#[test]
fn off_loopback_it_needs_a_proxy_and_a_token_and_says_what_to_add() {
    let place = Place::new();
    let rules = |flags: &[(&'static str, &str)]| -> Vec<(&'static str, Vec<String>)> {
        let broken = place.read(flags, &[], &[], "").unwrap().check();
        broken.into_iter().map(|broken| (broken.rule, broken.add)).collect()
    };
    for loopback in ["127.0.0.1:4728", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(rules(&[("listen", loopback)]), []);
    }
    let data = place.folder.path().join("data");
    let token = vec![format!("graven token new --role admin --data {}", data.display())];
    for open in ["0.0.0.0:4728", "[::]:4728", "192.0.2.1:1"] {
        let tls = [
            "tls.cert_file = \"cert.pem\"",
            "tls.key_file = \"key.pem\"",
            "# or, behind a proxy with TLS:",
            "insecure = true",
        ];
        let expected = [("listen.tls", tls.map(str::to_owned).into()), ("listen.tokens", token.clone())];
        assert_eq!(rules(&[("listen", open)]), expected);
    }
    let behind = [("listen", "0.0.0.0:4728"), ("insecure", "true")];
    assert_eq!(rules(&behind), [("listen.tokens", token)]);
    Tokens::open(&DataFolder::new(&data)).unwrap().create(NewToken::new(Role::Admin), now()).unwrap();
    assert_eq!(rules(&behind), []);
}

#[test]
fn what_is_to_be_archived_has_an_archive() {
    let place = Place::new();
    let rules = |set: &[&str]| -> Vec<&'static str> {
        place.read(&[], set, &[], "").unwrap().check().into_iter().map(|broken| broken.rule).collect()
    };
    assert_eq!(rules(&["archive.required=true"]), ["archive.url"]);
    assert_eq!(rules(&["archive.required_for=auth,config"]), ["archive.url"]);
    let folder = "archive.url=file:///no/such/folder";
    if cfg!(feature = "archive") {
        assert_eq!(rules(&[folder, "archive.required=true", "archive.required_for=auth"]), [""; 0]);
        // What the store is called is in the environment, and there it is not said.
        if std::env::var_os("AZURE_STORAGE_ACCOUNT_NAME").is_none() {
            assert_eq!(rules(&["archive.url=az://container/prefix"]), ["archive.client"]);
        }
        for wrong in ["s3://", "https://bucket/prefix", "s3://key:secret@bucket/prefix", "file://folder"] {
            let error = place.read(&[], &[&format!("archive.url={wrong}")], &[], "").unwrap_err().to_string();
            assert!(error.contains("archive.url") && !error.contains("secret"), "{error}");
        }
    } else {
        assert_eq!(rules(&[folder]), ["archive.build"]);
    }
    for wrong in ["archive.required_for=trail", "archive.every=10ms", "archive.name="] {
        assert!(place.read(&[], &[wrong], &[], "").is_err(), "{wrong}");
    }
}

#[test]
fn every_rule_is_named_when_it_is_broken() {
    let place = Place::new();
    let rules = |flags: &[(&'static str, &str)], set: &[&str]| -> Vec<&'static str> {
        place.read(flags, set, &[], "").unwrap().check().into_iter().map(|broken| broken.rule).collect()
    };
    assert_eq!(rules(&[], &[]), [""; 0]);
    assert_eq!(rules(&[], &["trails=a=/x,a=/y"]), ["trails.names"]);
    assert_eq!(rules(&[], &["read=old=/no/such/trail"]), ["trails.read"]);
    assert_eq!(rules(&[], &["trails=a=/x,b=/x"]), ["trails.apart"]);
    assert_eq!(rules(&[], &["limits.streams=5"]), ["limits.one_of_all"]);
    let authority = Authority::new();
    let issued = authority.loopback();
    let (certificate, key) = (issued.certificate().display().to_string(), issued.key().display().to_string());
    let (certificate, key) = (format!("tls.cert_file={certificate}"), format!("tls.key_file={key}"));
    assert_eq!(rules(&[], &[&certificate, &key]), [""; 0]);
    assert_eq!(rules(&[], &[&certificate]), ["tls.files"]);
    assert_eq!(rules(&[], &[&key]), ["tls.files"]);
    assert_eq!(rules(&[], &[&certificate, "tls.key_file=/no/such/file"]), ["tls.files"]);
    assert_eq!(rules(&[("insecure", "true")], &[&certificate, &key]), ["tls.insecure"]);
    let authorities = format!("tls.client_ca_file={}", authority.file().display());
    assert_eq!(rules(&[], &[&certificate, &key, &authorities, "tls.clients=CN=a=writer"]), [""; 0]);
    for alone in ["tls.clients=CN=a=writer", "tls.client_required=true", "tls.client_crl_file=/no/such/file"]
    {
        assert_eq!(rules(&[], &[&certificate, &key, alone]), ["tls.files"], "{alone}");
    }
    assert_eq!(rules(&[], &[&authorities]), ["tls.files"]);
    assert_eq!(rules(&[("listen", "0.0.0.0:1")], &[&certificate, &key]), ["listen.tokens"]);
    assert_eq!(rules(&[("listen", "unix:/run/graven.sock")], &[]), [""; 0]);
    assert_eq!(rules(&[("listen", "unix:/run/graven.sock")], &[&certificate, &key]), ["listen.unix"]);
    assert_eq!(rules(&[], &["otlp.trail=nowhere"]), ["otlp.trail"]);
    let grpc = "otlp.grpc_listen=0.0.0.0:4317";
    if cfg!(feature = "grpc") {
        assert_eq!(rules(&[], &["otlp.grpc_listen=localhost:4317"]), [""; 0]);
        assert_eq!(rules(&[], &[grpc]), ["listen.tls", "listen.tokens"]);
        assert_eq!(rules(&[], &[grpc, &certificate, &key]), ["listen.tokens"]);
        let socket = ("listen", "unix:/run/graven.sock");
        assert_eq!(rules(&[socket], &["otlp.grpc_listen=[::1]:4317", &certificate, &key]), [""; 0]);
    } else {
        assert!(rules(&[], &[grpc]).contains(&"otlp.grpc"));
    }
    let jwt = [
        "jwt.jwks_url=https://login.example.com/keys",
        "jwt.issuer=https://login.example.com",
        "jwt.audience=graven",
        "jwt.algorithms=ES256",
        "jwt.roles=writers=writer",
    ];
    assert_eq!(rules(&[], &jwt), [""; 0]);
    for left_out in 1..jwt.len() {
        let some: Vec<_> = (0..jwt.len()).filter(|at| *at != left_out).map(|at| jwt[at]).collect();
        assert_eq!(rules(&[], &some), ["jwt.whole"], "without {}", jwt[left_out]);
    }
    let trail = place.folder.path().join("trail");
    graven::Trail::open(graven::Settings::new(&trail)).unwrap().close_blocking().unwrap();
    let read = format!("old={}", trail.display());
    assert_eq!(rules(&[("read", &read)], &[]), [""; 0]);
    assert_eq!(rules(&[("read", &read.replace("old", "main"))], &[]), ["trails.own"]);
    // By another way to the same folder.
    let detour = format!("a={}/../trail", trail.display());
    assert_eq!(rules(&[("read", &read), ("trails", &detour)], &[]), ["trails.apart"]);
    let tokens = place.folder.path().join("data/tokens.json");
    std::fs::create_dir_all(tokens.parent().unwrap()).unwrap();
    std::fs::write(tokens, "{").unwrap();
    assert_eq!(rules(&[], &[]), ["tokens.whole"]);
}
