//! Settings given, stored, and given otherwise; every form of the file.

use super::*;
use crate::seam::disk::OsDisk;
use crate::settings::flood::Flood;

const MINUTE: Duration = Duration::from_secs(60);

fn nothing() -> Settings {
    Settings::new("t")
}

/// What a new trail with these settings remembers.
fn stored(settings: &Settings) -> PersistedSettings {
    settle(settings, &PersistedSettings::default(), false).unwrap().1
}

fn parsed(text: &str) -> Result<PersistedSettings, Error> {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::in_dir(folder.path());
    durable::write_whole(&OsDisk, &layout.settings(), text.as_bytes()).unwrap();
    PersistedSettings::read(&OsDisk, &layout)
}

fn json(settings: &PersistedSettings) -> String {
    serde_json::to_string(settings).unwrap()
}

fn own() -> Redaction {
    let rules =
        Redaction::default().rule("badge", "BDG-[0-9]+").unwrap().rule("a-desk", "D[0-9]{3}").unwrap();
    rules.secret_key("taxNumber").secret_key("x").exempt_rule("card-number").exempt_field("detail.page")
}

#[test]
fn only_what_differs_is_a_change_and_the_default_is_null() {
    let before = nothing().when_full_for(Category::Api, WhenFull::Drop).life_signs(true);
    let now = before.clone().heartbeat(MINUTE).when_full(WhenFull::Drop);
    let changes = stored(&now).changes_since(&stored(&before)).unwrap();
    assert_eq!(
        serde_json::to_string(&changes).unwrap(),
        r#"{"changed":{"heartbeat_ms":{"from":null,"to":60000},"when_full":{"from":null,"to":"drop"},"when_full_by_category":{"from":{"api":"drop"},"to":null}}}"#
    );
    assert_eq!(stored(&now).changes_since(&stored(&now)), None);
    assert_eq!(json(&stored(&nothing())), "{}");
}

#[test]
fn how_long_a_caller_waits_is_not_remembered() {
    let patient = nothing().when_full(WhenFull::Wait(MINUTE)).deadline(MINUTE);
    assert_eq!(json(&stored(&patient)), "{}");
    assert_eq!(settle(&patient, &stored(&nothing()), true).unwrap().0.when_full, WhenFull::Wait(MINUTE));
    // Without a policy of this program, its deadline counts: for one of the trail, and for one that drops.
    let taken = settle(&nothing().deadline(MINUTE), &stored(&nothing()), true).unwrap().0.when_full;
    assert_eq!([taken, WhenFull::Drop].map(|policy| policy.patience(MINUTE)), [MINUTE; 2]);
    assert_eq!(WhenFull::Wait(MINUTE).patience(MINUTE * 2), MINUTE);
}

/// What the trail has, what is given, what the trail has then; and what another process's presence makes of it.
#[test]
fn what_is_given_wins_and_the_rest_is_taken_from_the_trail() {
    let drops = || nothing().when_full(WhenFull::Drop);
    let waits = WhenFull::Wait(MINUTE);
    let flood = || nothing().flood_control(Flood::new(3, MINUTE).kinds_max(9));
    let rules = || nothing().redaction(own());
    let table = [
        (nothing(), nothing(), nothing(), ""),
        (drops(), nothing(), drops(), ""),
        (drops(), drops(), drops(), ""),
        (
            drops(),
            nothing().when_full(waits),
            nothing(),
            r#"when_full is "drop" in the trail and the default here"#,
        ),
        (nothing(), drops(), drops(), r#"when_full is the default in the trail and "drop" here"#),
        (
            nothing().when_full_for(Category::Api, WhenFull::Drop),
            nothing().when_full_for(Category::Session, WhenFull::Drop),
            nothing()
                .when_full_for(Category::Api, WhenFull::Drop)
                .when_full_for(Category::Session, WhenFull::Drop),
            r#"when_full_by_category.session is the default in the trail and "drop" here"#,
        ),
        (
            nothing().when_full_for(Category::Api, WhenFull::Drop),
            nothing().when_full_for(Category::Api, waits),
            nothing(),
            r#"when_full_by_category is {"api":"drop"} in the trail and the default here"#,
        ),
        (drops(), nothing().when_full_for(Category::Api, WhenFull::Drop), drops(), ""),
        (nothing().heartbeat(MINUTE), nothing(), nothing().heartbeat(MINUTE), ""),
        (nothing().heartbeat(MINUTE), nothing().life_signs(true), nothing().heartbeat(MINUTE), ""),
        (
            nothing().heartbeat(MINUTE),
            nothing().no_heartbeat(),
            nothing().life_signs(true),
            "heartbeat_ms is 60000 in the trail and the default here",
        ),
        (
            nothing().heartbeat(MINUTE),
            nothing().life_signs(false),
            nothing(),
            "heartbeat_ms is 60000 in the trail and the default here; life_signs is true in the trail and the default \
             here",
        ),
        (
            nothing().heartbeat(MINUTE),
            nothing().heartbeat(MINUTE * 2),
            nothing().heartbeat(MINUTE * 2),
            "heartbeat_ms is 60000 in the trail and 120000 here",
        ),
        (flood(), nothing(), flood(), ""),
        (flood(), flood(), flood(), ""),
        (
            flood(),
            nothing().no_flood_control(),
            nothing(),
            r#"flood_control is {"entries":3,"kinds_max":9,"window_ms":60000} in the trail and the default here"#,
        ),
        (
            flood(),
            nothing().flood_control(Flood::new(4, MINUTE).kinds_max(9)),
            nothing().flood_control(Flood::new(4, MINUTE).kinds_max(9)),
            "flood_control.entries is 3 in the trail and 4 here",
        ),
        (rules(), nothing(), rules(), ""),
        (rules(), rules(), rules(), ""),
        (
            rules(),
            nothing().redaction(own().secret_key("badge_number")),
            nothing().redaction(own().secret_key("badge_number")),
            r#"redaction.secret_keys is ["tax_number","x"] in the trail and ["badge_number","tax_number","x"] here"#,
        ),
        (rules(), nothing().redaction(Redaction::default()), nothing(), "redaction is {"),
        (nothing().redaction(Redaction::off()), nothing(), nothing().redaction(Redaction::off()), ""),
    ];
    for (number, (trail, given, then, difference)) in table.into_iter().enumerate() {
        let before = stored(&trail);
        let (_, alone) = settle(&given, &before, false).unwrap();
        assert_eq!(json(&alone), json(&stored(&then)), "row {number}");
        match settle(&given, &before, true) {
            Ok((_, beside)) => assert_eq!((difference, json(&beside)), ("", json(&before)), "row {number}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Invalid, "row {number}");
                let text = error.to_string();
                assert!(!difference.is_empty() && text.contains(difference), "row {number}: {text}");
                assert!(text.contains("Leave them out or give the same ones"), "row {number}: {text}");
                assert!(!text.contains("BDG"), "a pattern may reveal the secret: {text}");
            }
        }
    }
}

#[test]
fn the_terms_are_those_that_were_given_at_first() {
    let first = nothing()
        .heartbeat(MINUTE)
        .when_full(WhenFull::Drop)
        .when_full_for(Category::custom("billing").unwrap(), WhenFull::Wait(MINUTE))
        .flood_control(Flood::new(3, MINUTE).kinds_max(9))
        .redaction(own());
    let before = parsed(&json(&stored(&first))).unwrap();
    let (terms, _) = settle(&nothing().deadline(MINUTE), &before, true).unwrap();
    assert_eq!((terms.life_signs, terms.heartbeat), (true, Some(MINUTE)));
    assert_eq!(terms.flood, Some(Flood::new(3, MINUTE).kinds_max(9)));
    assert_eq!(terms.when_full, WhenFull::Drop);
    let billing = (Category::custom("billing").unwrap(), WhenFull::Wait(MINUTE));
    assert_eq!(terms.when_full_by_category.into_iter().collect::<Vec<_>>(), [billing]);
    let (given, taken) =
        [own(), terms.redaction].map(|redaction| Redactor::with_key(redaction, &[7; 32])).into();
    for text in ["BDG-77 at D123", "taxNumber=12", "4012888888881881", "password=q7Hd93kfLw02"] {
        assert_eq!(given.text(text), taken.text(text));
    }
    assert_ne!(taken.text("BDG-77 at D123"), "BDG-77 at D123");
    let detail = r#"{"taxNumber":"12","password":"q7Hd93kfLw02"}"#;
    assert_eq!(given.json(detail), taken.json(detail));
    assert!(taken.json(detail).unwrap().starts_with(r#"{"taxNumber":"[redacted:secret:"#));
}

#[test]
fn a_redaction_too_long_for_an_entry_comes_back_whole() {
    let long = (0..5_000).fold(own(), |redaction, n| redaction.secret_key(&format!("field_number_{n}")));
    let before = parsed(&json(&stored(&nothing().redaction(long.clone())))).unwrap();
    let recorded = before.recorded()["redaction"].to_string();
    assert!(recorded.len() < 200 && recorded.contains("sha256"), "{recorded}");
    let (terms, _) = settle(&nothing(), &before, true).unwrap();
    let redactor = Redactor::with_key(terms.redaction, &[7; 32]);
    let redacted = redactor.json(r#"{"fieldNumber_4999":"12"}"#).unwrap();
    assert!(redacted.contains("[redacted:secret:"), "{redacted}");
    assert!(settle(&nothing().redaction(long.clone()), &before, true).is_ok());
    let error = settle(&nothing().redaction(long.secret_key("one_more")), &before, true).unwrap_err();
    assert!(error.to_string().contains("redaction.sha256 is "), "{error}");
}

#[test]
fn the_same_names_in_another_order_are_the_same_redaction() {
    let [one, other] = [["a", "b"], ["b", "a"]].map(|names| {
        let redaction = names.iter().fold(Redaction::default(), |redaction, name| {
            redaction.secret_key(name).exempt_rule(name).exempt_field(name).rule(name, name).unwrap()
        });
        nothing().redaction(redaction)
    });
    assert!(settle(&one, &stored(&other), true).is_ok());
}

/// Version 0.1 wrote no patterns.
#[test]
fn rules_that_are_there_only_as_hashes_have_to_be_given_once() {
    let hash = |pattern: &str| graven_core::hash::sha256(pattern.as_bytes()).to_hex()[..16].to_owned();
    let lists = r#""exempt_fields":[],"exempt_rules":[],"secret_keys":["tax_number"]"#;
    let hashed =
        |rules: &str| format!(r#"{{"redaction":{{{lists},"on":true,"rules":{rules},"version":1}}}}"#);
    let badge = hashed(&format!(r#"{{"badge":"{}","desk":"{}"}}"#, hash("BDG-[0-9]+"), hash("D[0-9]+")));
    let before = parsed(&badge).unwrap();
    let error = settle(&nothing(), &before, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("the rules badge, desk"), "{error}");
    let redaction = Redaction::default().secret_key("tax_number");
    let redaction = redaction.rule("badge", "BDG-[0-9]+").unwrap().rule("desk", "D[0-9]+").unwrap();
    let (_, now) = settle(&nothing().redaction(redaction), &before, true).unwrap();
    assert!(json(&now).contains("BDG-[0-9]+"), "from now on it is whole");
    assert_eq!(now.changes_since(&before), None);
    // Without rules there is nothing to miss.
    assert!(settle(&nothing(), &parsed(&hashed("{}")).unwrap(), true).is_ok());
    let short = r#"{"redaction":{"on":true,"rules":3,"sha256":"0123456789abcdef","version":1}}"#;
    let error = settle(&nothing(), &parsed(short).unwrap(), false).unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("3 rules"), "{error}");
    let (_, now) = settle(&nothing().redaction(own()), &parsed(short).unwrap(), false).unwrap();
    let changes = serde_json::to_string(&now.changes_since(&parsed(short).unwrap())).unwrap();
    assert!(
        changes.contains(r#""from":{"on":true,"rules":3,"sha256":"0123456789abcdef","version":1}"#),
        "{changes}"
    );
}

#[test]
fn a_file_that_cannot_be_understood_is_an_error_and_no_default() {
    let rule = |name: &str, pattern: &str| {
        format!(
            r#"{{"redaction":{{"on":true,"rules":[{{"name":"{name}","pattern":"{pattern}"}}],"version":1}}}}"#
        )
    };
    assert!(settle(&nothing(), &parsed(&rule("badge", "BDG-[0-9]+")).unwrap(), true).is_ok());
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"life_signs":1}"#,
        r#"{"life_sign":true}"#,
        r#"{"when_full":"sometimes"}"#,
        r#"{"heartbeat_ms":-1}"#,
        r#"{"flood_control":{"entries":3}}"#,
        r#"{"redaction":{"on":true}}"#,
        r#"{"redaction":{"on":true,"rules":[],"version":1,"more":1}}"#,
        r#"{"redaction":{"on":true,"rules":[{"name":"a","pattern":"a","more":1}],"version":1}}"#,
        r#"{"life_signs":true}{"#,
    ] {
        let error = parsed(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{text}");
        assert!(error.to_string().contains("settings.json is not what Graven writes"), "{error}");
        assert!(error.to_string().contains("restore it; or delete it"), "{error}");
    }
    for (name, pattern) in [("badge", "BDG-[0-9"), ("Badge", "BDG"), ("password", "BDG")] {
        let before = parsed(&rule(name, pattern)).unwrap();
        let error = settle(&nothing(), &before, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{name}");
        assert!(error.chain().contains(&format!("the redaction rule {name:?}")), "{}", error.chain());
        assert!(!error.chain().contains("BDG"), "a pattern may reveal the secret: {}", error.chain());
        // A program that gives the redaction does not need it.
        assert!(settle(&nothing().redaction(own()), &before, false).is_ok());
    }
}

#[test]
fn a_new_trail_takes_nothing_from_a_file_that_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::in_dir(folder.path());
    for planted in ["not JSON", r#"{"redaction":{"on":false,"rules":[],"version":1}}"#] {
        durable::write_whole(&OsDisk, &layout.settings(), planted.as_bytes()).unwrap();
        stored(&nothing()).remember(&OsDisk, &layout).unwrap();
        assert_eq!(json(&PersistedSettings::read(&OsDisk, &layout).unwrap()), "{}");
    }
}

#[test]
fn another_redaction_key_is_a_difference_only_where_one_is_remembered() {
    let [one, other] = [[1; 32], [2; 32]].map(|secret| Redactor::with_key(Redaction::default(), &secret));
    let before = PersistedSettings::default().with_key_of(&one);
    let (_, now) = settle(&nothing(), &before, true).unwrap();
    assert!(now.clone().with_key_of(&one).refuse_changes_since(&before).is_ok());
    let error = now.with_key_of(&other).refuse_changes_since(&before).unwrap_err();
    assert!(error.to_string().contains("redaction_key is "), "{error}");
    assert!(before.refuse_changes_since(&PersistedSettings::default()).is_ok());
}
