//! The words that the description of the API is made of: schemas, and operations with their answers and refusals.

use std::collections::BTreeMap;

use utoipa::openapi::header::Header;
use utoipa::openapi::path::{
    OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, Array, ComponentsBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema,
    SchemaFormat, Type,
};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, HttpMethod, Ref, RefOr, Required, ResponseBuilder};

use crate::auth::{Right, Role};
use crate::problem::{Kind, PROBLEM_JSON, Problem};

/// The media types.
pub(super) const JSON: &str = "application/json";
pub(super) const LINES: &str = "application/x-ndjson";
pub(super) const BYTES: &str = "application/octet-stream";
pub(super) const TEXT: &str = "text/plain";

/// A schema, or a name of one.
pub(super) type Shape = RefOr<Schema>;

/// The description as it grows.
#[derive(Default)]
pub(super) struct Api {
    pub(super) paths: PathsBuilder,
    pub(super) components: ComponentsBuilder,
}

/// Who may ask for an operation.
enum Who {
    Everybody,
    AnyToken,
    TokenWith(Right),
}

/// One operation.
pub(super) struct Op {
    builder: OperationBuilder,
    about: String,
    who: Who,
    refusals: Vec<Kind>,
    /// The forms of refusals.
    refused_in: Vec<(&'static str, Shape)>,
    answers: BTreeMap<u16, ResponseBuilder>,
}

impl Api {
    pub(super) fn schema(mut self, name: &str, shape: impl Into<Shape>) -> Api {
        self.components = self.components.schema(name, shape);
        self
    }

    pub(super) fn path(mut self, path: &str, operations: impl IntoIterator<Item = (HttpMethod, Op)>) -> Api {
        let mut item = PathItemBuilder::new();
        for (method, op) in operations {
            item = item.operation(method, op.build(path));
        }
        let item: PathItem = item.build();
        self.paths = self.paths.path(path, item);
        self
    }
}

impl Op {
    pub(super) fn new(tag: &str, id: &str, summary: &str) -> Op {
        Op {
            builder: OperationBuilder::new().tag(tag).operation_id(Some(id)).summary(Some(summary)),
            about: String::new(),
            who: Who::Everybody,
            refusals: vec![Kind::WrongHost, Kind::TooManyRequests, Kind::Busy],
            refused_in: vec![(PROBLEM_JSON, named("Problem"))],
            answers: BTreeMap::new(),
        }
    }

    /// More than the summary says.
    pub(super) fn about(mut self, text: &str) -> Op {
        self.about = text.to_owned();
        self
    }

    /// What the token must allow. An operation without this needs no token.
    pub(super) fn needs(self, right: Right) -> Op {
        let op = self.needs_any_token().refuses(&[Kind::Forbidden]);
        Op { who: Who::TokenWith(right), ..op }
    }

    /// It needs a token, whatever that allows.
    pub(super) fn needs_any_token(mut self) -> Op {
        self.who = Who::AnyToken;
        self.refuses(&[
            Kind::BadParameter,
            Kind::Unauthorized,
            Kind::ForeignPage,
            Kind::Unavailable,
            Kind::Internal,
        ])
    }

    pub(super) fn in_path(self, name: &str, about: &str, shape: impl Into<Shape>) -> Op {
        self.parameter(name, ParameterIn::Path, Required::True, about, shape)
    }

    pub(super) fn asks(self, name: &str, about: &str, shape: impl Into<Shape>) -> Op {
        self.parameter(name, ParameterIn::Query, Required::False, about, shape)
    }

    pub(super) fn must_ask(self, name: &str, about: &str, shape: impl Into<Shape>) -> Op {
        self.parameter(name, ParameterIn::Query, Required::True, about, shape)
    }

    pub(super) fn header(self, name: &str, about: &str, shape: impl Into<Shape>) -> Op {
        self.parameter(name, ParameterIn::Header, Required::False, about, shape)
    }

    fn parameter(
        mut self,
        name: &str,
        place: ParameterIn,
        required: Required,
        about: &str,
        shape: impl Into<Shape>,
    ) -> Op {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(about))
            .schema(Some(shape));
        self.builder = self.builder.parameter(parameter);
        self
    }

    /// The body, in one of these forms.
    pub(super) fn takes(mut self, about: &str, forms: &[(&str, Shape)]) -> Op {
        let mut body = RequestBodyBuilder::new().description(Some(about)).required(Some(Required::True));
        for (media_type, shape) in forms {
            body = body.content(*media_type, ContentBuilder::new().schema(Some(shape.clone())).build());
        }
        self.builder = self.builder.request_body(Some(body.build()));
        self.refuses(&[Kind::NotJson, Kind::TooLarge, Kind::UnsupportedMediaType])
    }

    /// An answer, in one of these forms.
    pub(super) fn answers(mut self, status: u16, about: &str, forms: &[(&str, Shape)]) -> Op {
        let mut response = ResponseBuilder::new().description(about);
        for (media_type, shape) in forms {
            response =
                response.content(*media_type, ContentBuilder::new().schema(Some(shape.clone())).build());
        }
        self.answers.insert(status, response);
        self
    }

    /// A header of an answer that was described before.
    pub(super) fn with_header(mut self, status: u16, name: &str, about: &str) -> Op {
        let response = self.answers.remove(&status).expect("the answer was described");
        self.answers.insert(status, response.header(name, header(about, text())));
        self
    }

    /// In which other forms it refuses.
    pub(super) fn refuses_in(mut self, forms: impl IntoIterator<Item = (&'static str, Shape)>) -> Op {
        self.refused_in.extend(forms);
        self
    }

    pub(super) fn refuses(mut self, kinds: &[Kind]) -> Op {
        for kind in kinds {
            if !self.refusals.contains(kind) {
                self.refusals.push(*kind);
            }
        }
        self
    }

    fn build(mut self, path: &str) -> OperationBuilder {
        if path.contains("{trail}") {
            self = self.in_path(
                "trail",
                "The name of a trail, or `main@1` for an older one of its chain",
                named("ServedName"),
            );
            self = self.refuses(&[Kind::UnknownTrail, Kind::OutOfScope]);
        }
        let who = match self.who {
            Who::TokenWith(right) => {
                let roles: Vec<_> =
                    Role::ALL.into_iter().filter(|role| role.may(right)).map(Role::as_str).collect();
                format!("Roles: {}.", roles.join(", "))
            }
            Who::AnyToken => "Roles: all.".to_owned(),
            Who::Everybody => {
                self.builder = self.builder.security(SecurityRequirement::default());
                "No token is needed.".to_owned()
            }
        };
        let about = if self.about.is_empty() { who } else { format!("{}\n\n{who}", self.about) };
        self.builder = self.builder.description(Some(about));
        let mut refusals: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for kind in self.refusals {
            refusals.entry(Problem::new(kind, "").status().as_u16()).or_default().push(kind.name());
        }
        for (status, response) in self.answers {
            self.builder = self.builder.response(status.to_string(), response.build());
        }
        for (status, names) in refusals {
            let mut response = ResponseBuilder::new().description(names.join(", "));
            for (media_type, shape) in &self.refused_in {
                let form = ContentBuilder::new().schema(Some(shape.clone())).build();
                response = response.content(*media_type, form);
            }
            if matches!(status, 429 | 503) {
                response =
                    response.header("Retry-After", header("After how many seconds to try again", whole()));
            }
            self.builder = self.builder.response(status.to_string(), response.build());
        }
        self.builder
    }
}

fn header(about: &str, shape: impl Into<Shape>) -> Header {
    Header::builder().schema(Some(shape)).description(Some(about)).build()
}

/// A schema that has a name.
pub(super) fn named(name: &str) -> Shape {
    RefOr::Ref(Ref::from_schema_name(name))
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A moment of RFC 3339.
pub(super) fn time() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

/// A hash in base64.
pub(super) fn hash() -> ObjectBuilder {
    text().pattern(Some("^[A-Za-z0-9+/]{43}=$"))
}

/// A number that is whole and not negative.
pub(super) fn whole() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

pub(super) fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number)
}

pub(super) fn truth() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

pub(super) fn bytes() -> Shape {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).into()
}

/// Any JSON.
pub(super) fn anything() -> Shape {
    RefOr::T(utoipa::openapi::schema::empty())
}

/// One of these words.
pub(super) fn word(words: &[&str]) -> ObjectBuilder {
    text().enum_values(Some(words.iter().copied()))
}

pub(super) fn list(of: impl Into<Shape>) -> Shape {
    Array::new(of).into()
}

pub(super) fn or_null(shape: impl Into<Shape>) -> Shape {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(null).item(shape).into()
}

pub(super) fn either(one: impl Into<Shape>, other: impl Into<Shape>) -> Shape {
    OneOfBuilder::new().item(one).item(other).into()
}

/// An object that has these, and of which others can be left out.
pub(super) fn object(always: Vec<(&str, Shape)>, sometimes: Vec<(&str, Shape)>) -> ObjectBuilder {
    let mut object = ObjectBuilder::new().schema_type(Type::Object);
    for (name, shape) in always {
        object = object.property(name, shape).required(name);
    }
    for (name, shape) in sometimes {
        object = object.property(name, shape);
    }
    object
}

/// An object with nothing that is not named.
pub(super) fn closed(object: ObjectBuilder) -> ObjectBuilder {
    object.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
}

/// An object whose values all have this form.
pub(super) fn map(of: impl Into<RefOr<Schema>>) -> Shape {
    let values = AdditionalProperties::RefOr(of.into());
    ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(values)).into()
}
