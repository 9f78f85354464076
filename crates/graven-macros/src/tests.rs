//! What is refused, and what the compiler then says.

use crate::arguments::Arguments;
use crate::expand::expand;
use crate::function::Function;

/// Expands as the attribute does; the message of the error.
fn refused(arguments: &str, function: &str) -> String {
    let error = syn::parse_str::<Arguments>(arguments).and_then(|arguments| {
        let function = syn::parse_str::<Function>(function)?;
        expand(&arguments, function)
    });
    error.expect_err("it is refused").to_string()
}

const FUNCTION: &str = "fn f(a: u32) {}";

#[test]
fn arguments_that_are_unknown_doubled_or_missing() {
    let said = [
        refused("", FUNCTION),
        refused("action = \"x\"", FUNCTION),
        refused("category = Api, colour = \"red\"", FUNCTION),
        refused("category = Api, intent, intent", FUNCTION),
        refused("category = Api, args(b)", FUNCTION),
        refused("category = Api action = \"x\"", FUNCTION),
    ];
    let expected =
        ["say which category", "say which category", "`colour` is none of", "`intent` a second time"];
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(said[4], "`f` has no argument `b`");
    assert_eq!(said[5], "expected `,`");
}

#[test]
fn categories_that_could_never_be_recorded() {
    let expected = [
        ("Tool", "`Tool` is none of Api, ToolExecution"),
        ("Trail", "is none of"),
        ("\"trail\"", "reserved"),
        ("\"My Own\"", "snake_case"),
        ("\"\"", "snake_case"),
    ];
    for (category, expected) in expected {
        let said = refused(&format!("category = {category}"), FUNCTION);
        assert!(said.contains(expected), "{category}: {said}");
    }
    let long = format!("category = \"{}\"", "x".repeat(65));
    assert!(refused(&long, FUNCTION).contains("64 bytes"));
}

#[test]
fn categories_that_can_be() {
    for category in
        ["K8s", "\"tool_execution\"", "\"billing\"", "BILLING.clone()", "self.category()", "BILLING"]
    {
        let arguments = syn::parse_str::<Arguments>(&format!("category = {category}")).expect(category);
        expand(&arguments, syn::parse_str::<Function>(FUNCTION).expect("a function")).expect(category);
    }
}

#[test]
fn what_is_no_function_that_runs_when_it_is_called() {
    let expected = [
        ("struct S;", "goes on a function"),
        ("fn f();", "has a body"),
        ("const fn f() {}", "`const fn`"),
        ("fn f() -> impl Future<Output = ()> {}", "`async fn`"),
        ("fn f() -> Pin<Box<dyn Future<Output = u32> + Send>> {}", "`async fn`"),
        ("fn f() -> BoxFuture<'static, ()> {}", "`async fn`"),
    ];
    for (function, expected) in expected {
        let said = refused("category = Api", function);
        assert!(said.contains(expected), "{function}: {said}");
    }
}

#[test]
fn the_categories_are_those_of_graven() {
    for (variant, name) in crate::category::KNOWN {
        let category: graven::Category = name.parse().expect(name);
        assert_eq!(format!("{category:?}"), variant);
    }
    assert_eq!(crate::category::NAME_BYTES_MAX, graven::Category::NAME_BYTES_MAX);
}
