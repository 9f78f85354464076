//! AWS CloudTrail: one record is one event.

use graven_core::entry::{Category, Entry, Outcome, Source};

use crate::event::{ip, reason, set_source, time};
use crate::json::{Json, says, text};

/// What an error code contains that says: not allowed. Compared in lower case.
const DENIED: &[&str] = &[
    "accessdenied",
    "authfailure",
    "authorizationerror",
    "expiredtoken",
    "forbidden",
    "invalidclienttokenid",
    "notauthorized",
    "signaturedoesnotmatch",
    "unauthorized",
];

/// The services whose events are about who may do what.
const AUTH: &[&str] = &["iam", "identitystore", "signin", "sso", "sts"];

/// Parameters of requests that name what was touched, when the record lists no resources.
const NAMES: [&str; 16] = [
    "bucketName",
    "roleArn",
    "policyArn",
    "secretId",
    "keyId",
    "functionName",
    "tableName",
    "instanceId",
    "dBInstanceIdentifier",
    "clusterName",
    "groupId",
    "roleName",
    "userName",
    "groupName",
    "queueUrl",
    "topicArn",
];

/// Whether an object is a record.
pub(crate) fn is_event(event: Json<'_>) -> bool {
    let [version, time, source] = event.fields(["eventVersion", "eventTime", "eventSource"]);
    version.is_some() && time.is_some() && source.is_some()
}

/// The entry of a record, without its detail.
pub(crate) fn entry(event: Json<'_>) -> Option<Entry> {
    let [id, at, service, name, kind, identity] =
        event.fields(["eventID", "eventTime", "eventSource", "eventName", "eventType", "userIdentity"]);
    let [address, program, request, resources, parameters, response] = event.fields([
        "sourceIPAddress",
        "userAgent",
        "requestID",
        "resources",
        "requestParameters",
        "responseElements",
    ]);
    let [code, message] = event.fields(["errorCode", "errorMessage"]);
    let insight = || event.at(&["insightDetails", "eventName"]).and_then(Json::text);
    let (service, name) = (text(service)?, text(name).or_else(insight)?);
    let short = service.split('.').next().unwrap_or(&service);
    let is_auth = says(kind, "AwsConsoleSignIn") || AUTH.contains(&short);
    let category = if is_auth { Category::Auth } else { Category::Api };
    let mut entry =
        Entry::new(category, format!("{short}:{name}"), outcome(text(code).as_deref(), message, response));
    entry.reason = reason([text(code), text(message)].into_iter().flatten().collect::<Vec<_>>().join(": "));
    entry.id = text(id);
    entry.timestamp = time(at);
    entry.principal = identity.and_then(principal);
    entry.on_behalf_of.extend(identity.and_then(|identity| identity.at(&["onBehalfOf", "userId"])?.text()));
    entry.resource = resources.and_then(resource).or_else(|| {
        let names = parameters?.fields(NAMES);
        names.into_iter().flatten().find_map(Json::text)
    });
    entry.request_id = text(request);
    set_source(
        &mut entry,
        Source {
            ip: ip(address.and_then(Json::string)),
            user_agent: text(program),
            service: Some(service),
            host: None,
        },
    );
    Some(entry)
}

fn outcome(code: Option<&str>, message: Option<Json<'_>>, response: Option<Json<'_>>) -> Outcome {
    // A sign-in at the console has no code.
    let sign_in = response.and_then(|response| response.get("ConsoleLogin"));
    if says(sign_in, "Failure") {
        return Outcome::Denied;
    }
    match code {
        Some(code) => {
            let code = code.to_ascii_lowercase();
            if DENIED.iter().any(|part| code.contains(part)) { Outcome::Denied } else { Outcome::Failure }
        }
        None if message.is_some() => Outcome::Failure,
        None => Outcome::Success,
    }
}

/// Who: an ARN if there is one, which names the session of a role, too.
fn principal(identity: Json<'_>) -> Option<String> {
    let [arn, user, service, id, account, kind] =
        identity.fields(["arn", "userName", "invokedBy", "principalId", "accountId", "type"]);
    [arn, user, service, id, account, kind].into_iter().find_map(text)
}

/// The first resource.
fn resource(resources: Json<'_>) -> Option<String> {
    resources.elements().find_map(|resource| {
        let [arn, name] = resource.fields(["ARN", "arn"]);
        text(arn).or_else(|| text(name))
    })
}

#[cfg(test)]
mod tests {
    use graven_core::entry::Detail;

    use super::*;

    #[test]
    fn codes_that_say_not_allowed_are_denied() {
        for code in [
            "AccessDenied",
            "AuthFailure",
            "AuthorizationError",
            "ExpiredTokenException",
            "Forbidden",
            "InvalidClientTokenId",
            "NotAuthorizedException",
            "SignatureDoesNotMatch",
            "Client.UnauthorizedOperation",
        ] {
            assert_eq!(outcome(Some(code), None, None), Outcome::Denied, "{code}");
        }
        assert_eq!(outcome(Some("NoSuchBucket"), None, None), Outcome::Failure);
        assert_eq!(outcome(None, None, None), Outcome::Success);
    }

    #[test]
    fn a_sign_in_is_about_access_whatever_service_it_is_for() {
        let event = r#"{"eventSource":"console.example","eventName":"Open","eventType":"AwsConsoleSignIn"}"#;
        let entry = entry(Json::of(&Detail::parse(event).unwrap())).unwrap();
        assert_eq!(entry.category, Category::Auth);
    }
}
