//! Whether a description keeps what another one has promised: a program that keeps to the older one must not fail.

use serde_json::Value;

/// How deep a schema is compared: one can have itself in it.
const DEPTH_MAX: usize = 12;

/// What is not kept, one line each.
pub(super) fn broken(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, operations) in members(&old["paths"]) {
        for (method, operation) in members(operations) {
            let (place, now) = (format!("{method} {path}"), &new["paths"][path][method]);
            match now.is_object() {
                true => compare(&place, (old, operation), (new, now), &mut broken),
                false => broken.push(format!("{place} is gone")),
            }
        }
    }
    broken
}

fn compare(
    place: &str,
    (old, before): (&Value, &Value),
    (new, now): (&Value, &Value),
    broken: &mut Vec<String>,
) {
    if before["operationId"] != now["operationId"] {
        broken.push(format!("{place} has another operationId"));
    }
    let needs_token = |operation: &Value| operation.get("security").is_none();
    if !needs_token(before) && needs_token(now) {
        broken.push(format!("{place} needs a token now"));
    }
    let key = |parameter: &Value| (parameter["in"].clone(), parameter["name"].clone());
    let (had, has) = (elements(&before["parameters"]), elements(&now["parameters"]));
    for parameter in had {
        let place = format!("{place}, parameter {}", parameter["name"]);
        match has.iter().find(|other| key(other) == key(parameter)) {
            Some(other) => taken(&place, (old, &parameter["schema"]), (new, &other["schema"]), broken),
            None => broken.push(format!("{place} is gone")),
        }
    }
    for parameter in has.iter().filter(|parameter| parameter["required"] == true) {
        if !had.iter().any(|other| key(other) == key(parameter) && other["required"] == true) {
            broken.push(format!("{place}, parameter {} is required now", parameter["name"]));
        }
    }
    let bodies = |operation: &Value| operation["requestBody"]["content"].clone();
    let (bodies_now, bodies_before) = (bodies(now), bodies(before));
    if bodies_before.is_null() && now["requestBody"]["required"] == true {
        broken.push(format!("{place} needs a body now"));
    }
    for (media_type, body) in members(&bodies_before) {
        let place = format!("{place}, body {media_type}");
        match bodies_now.get(media_type) {
            Some(other) => taken(&place, (old, &body["schema"]), (new, &other["schema"]), broken),
            None => broken.push(format!("{place} is not taken any more")),
        }
    }
    for (status, response) in members(&before["responses"]) {
        let place = format!("{place}, answer {status}");
        let other = &now["responses"][status];
        // A program can count on what succeeds. What is refused no more is no loss.
        if !other.is_object() && status.starts_with('2') {
            broken.push(format!("{place} is gone"));
        }
        for (media_type, content) in members(&response["content"]).filter(|_| other.is_object()) {
            let place = format!("{place} {media_type}");
            match other["content"].get(media_type) {
                Some(now) => given(&place, (old, &content["schema"]), (new, &now["schema"]), broken),
                None => broken.push(format!("{place} is gone")),
            }
        }
    }
}

/// What a server takes may become more and never less.
fn taken(
    place: &str,
    (old, before): (&Value, &Value),
    (new, now): (&Value, &Value),
    broken: &mut Vec<String>,
) {
    if place.matches(['.', '[']).count() > DEPTH_MAX {
        return;
    }
    let (before, now) = (resolved(old, before), resolved(new, now));
    same_form(place, before, now, broken);
    for word in elements(&before["enum"]).iter().filter(|word| !elements(&now["enum"]).contains(word)) {
        if now.get("enum").is_some() {
            broken.push(format!("{place}: {word} is not taken any more"));
        }
    }
    for name in elements(&now["required"]).iter().filter(|name| !elements(&before["required"]).contains(name))
    {
        broken.push(format!("{place}: {name} is required now"));
    }
    for (name, shape) in members(&before["properties"]) {
        let place = format!("{place}.{name}");
        match now["properties"].get(name) {
            Some(other) => taken(&place, (old, shape), (new, other), broken),
            None => broken.push(format!("{place} is not taken any more")),
        }
    }
}

/// What a server gives may become more and never less.
fn given(
    place: &str,
    (old, before): (&Value, &Value),
    (new, now): (&Value, &Value),
    broken: &mut Vec<String>,
) {
    if place.matches(['.', '[']).count() > DEPTH_MAX {
        return;
    }
    let (before, now) = (resolved(old, before), resolved(new, now));
    same_form(place, before, now, broken);
    for name in elements(&before["required"]).iter().filter(|name| !elements(&now["required"]).contains(name))
    {
        broken.push(format!("{place}: {name} may be left out now"));
    }
    for (name, shape) in members(&before["properties"]) {
        let place = format!("{place}.{name}");
        match now["properties"].get(name) {
            Some(other) => given(&place, (old, shape), (new, other), broken),
            None => broken.push(format!("{place} is gone")),
        }
    }
    if before["items"].is_object() && now["items"].is_object() {
        given(&format!("{place}[]"), (old, &before["items"]), (new, &now["items"]), broken);
    }
    let (had, has) = (elements(&before["oneOf"]), elements(&now["oneOf"]));
    for (shape, other) in had.iter().zip(has) {
        given(&format!("{place}[oneOf]"), (old, shape), (new, other), broken);
    }
    if has.len() > had.len() {
        broken.push(format!("{place} may have another form now"));
    }
}

fn same_form(place: &str, before: &Value, now: &Value, broken: &mut Vec<String>) {
    for key in ["type", "format", "pattern"] {
        if before.get(key) != now.get(key) {
            broken.push(format!("{place}: its {key} was {} and is {}", before[key], now[key]));
        }
    }
}

/// The schema that a name stands for.
fn resolved<'v>(all: &'v Value, shape: &'v Value) -> &'v Value {
    match shape["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        Some(path) => all.pointer(path).unwrap_or(&Value::Null),
        None => shape,
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described() -> Value {
        let question = json!({"type": "object", "required": ["q"], "properties": {
            "q": {"type": "string"}, "order": {"type": "string", "enum": ["newest", "oldest"]},
        }});
        let answer = json!({"type": "object", "required": ["hits"], "properties": {
            "hits": {"type": "array", "items": {"$ref": "#/components/schemas/Hit"}},
        }});
        json!({
            "paths": {"/a": {"post": {
                "operationId": "a", "security": [{}],
                "parameters": [{"in": "query", "name": "limit", "required": false, "schema": {"type": "integer"}}],
                "requestBody": {"required": true, "content": {"application/json": {"schema": question}}},
                "responses": {"200": {"content": {"application/json": {"schema": answer}}}, "404": {}},
            }}},
            "components": {"schemas": {"Hit": {
                "type": "object", "required": ["index"], "properties": {"index": {"type": "integer"}},
            }}},
        })
    }

    #[test]
    fn more_is_no_break() {
        let old = described();
        assert_eq!(broken(&old, &old), Vec::<String>::new());
        let mut new = described();
        new["paths"]["/b"] = json!({"get": {}});
        new["components"]["schemas"]["Hit"]["properties"]["more"] = json!({"type": "string"});
        let post = &mut new["paths"]["/a"]["post"];
        let parameters = post["parameters"].as_array_mut().expect("a list");
        parameters.push(json!({"in": "query", "name": "q", "required": false, "schema": {}}));
        post["responses"]["429"] = json!({});
        post["responses"].as_object_mut().expect("an object").remove("404");
        assert_eq!(broken(&old, &new), Vec::<String>::new());
    }

    #[test]
    fn each_loss_is_a_break() {
        let old = described();
        let body = "/paths/~1a/post/requestBody/content/application~1json/schema";
        let answer = "/paths/~1a/post/responses/200/content/application~1json/schema";
        let losses: [(&str, &str, Value); 13] = [
            ("/paths", "/a", Value::Null),
            ("/paths/~1a/post", "operationId", json!("b")),
            ("/paths/~1a/post", "parameters", json!([])),
            ("/paths/~1a/post/parameters/0", "required", json!(true)),
            ("/paths/~1a/post/parameters/0/schema", "type", json!("string")),
            ("/paths/~1a/post/requestBody/content", "application/json", Value::Null),
            (body, "required", json!(["q", "order"])),
            ("/paths/~1a/post/requestBody/content/application~1json/schema/properties", "order", Value::Null),
            ("/paths/~1a/post/responses", "200", Value::Null),
            (answer, "required", json!([])),
            ("/components/schemas/Hit", "required", json!([])),
            ("/components/schemas/Hit/properties", "index", Value::Null),
            ("/components/schemas/Hit/properties/index", "type", json!("string")),
        ];
        for (place, key, value) in losses {
            let mut new = described();
            let object = new.pointer_mut(place).and_then(Value::as_object_mut).expect("an object");
            match value {
                Value::Null => drop(object.remove(key)),
                value => drop(object.insert(key.to_owned(), value)),
            }
            assert!(!broken(&old, &new).is_empty(), "{place} {key}");
        }
        let mut new = described();
        new["paths"]["/a"]["post"].as_object_mut().expect("an object").remove("security");
        assert!(!broken(&old, &new).is_empty(), "a token is needed now");
        let words = format!("{body}/properties/order/enum");
        let mut new = described();
        *new.pointer_mut(&words).expect("a list") = json!(["newest"]);
        assert!(!broken(&old, &new).is_empty(), "a word is gone");
    }
}
