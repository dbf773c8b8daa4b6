//! Who we are to the registry: nobody, until it says how it wants to be told (distribution's token
//! authentication, "spec/auth/token" and "spec/auth/oauth").

use super::credentials::{Credentials, Found, find};
use super::error::{quoted, said};
use super::retry::{Failed, retried, retry_after};
use super::wire::{Wire, body_of};
use super::{Challenge, RegistryError, parse_challenges};
use crate::http::{authority, is_passing};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What is sent to every token service as our name.
const CLIENT_ID: &str = "slimwright";

/// How long a token is good that does not say so (spec/auth/token: "for compatibility").
const USUAL_LIFE: Duration = Duration::from_secs(60);

/// Shared by all downloads of a client: one of them renews, the others wait for it and take what it got.
#[derive(Default)]
pub(super) struct Auth(Mutex<State>);

#[derive(Default)]
struct State {
    /// What is sent.
    header: Option<HeaderValue>,
    /// When that is no longer good.
    expires: Option<Instant>,
    /// Whom to ask for the next token.
    service: Option<Service>,
    /// The credentials, once they were looked for.
    found: Option<Found>,
}

/// A token service and what to ask it for.
struct Service {
    realm: Url,
    service: Option<String>,
    scope: String,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

impl Auth {
    /// The `Authorization` to send now, renewed if it is known to be old.
    pub(super) fn header(&self, wire: &Wire) -> Result<Option<HeaderValue>, RegistryError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.expires.is_some_and(|expires| expires <= Instant::now()) {
            state.fetch_token(wire)?;
        }
        Ok(state.header.clone())
    }

    /// After a 401 with the header `used`: gets something better to send. `false` when there is nothing better.
    pub(super) fn renew(
        &self,
        wire: &Wire,
        used: Option<&HeaderValue>,
        challenges: &str,
    ) -> Result<bool, RegistryError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.header.as_ref() != used {
            return Ok(true);
        }
        let offered = parse_challenges(challenges);
        let bearer = offered.iter().find(|challenge| challenge.scheme == "bearer" && challenge.get("realm").is_some());
        if let Some(bearer) = bearer {
            state.service = Some(service(wire, bearer)?);
            state.fetch_token(wire)?;
            return Ok(true);
        }
        if !offered.iter().any(|challenge| challenge.scheme == "basic") {
            let message = format!("expected a Bearer or Basic challenge, found {}", quoted(challenges));
            return Err(RegistryError::shape(&wire.place, message));
        }
        let basic = state.credentials(wire)?.and_then(|credentials| credentials.basic());
        let Some(header) = basic.map(|text| secret(wire, &text)).transpose()? else { return Ok(false) };
        let is_new = state.header.as_ref() != Some(&header);
        state.header = Some(header);
        Ok(is_new)
    }

    /// What kept a helper from answering, for a registry that denies access.
    pub(super) fn take_problem(&self) -> Option<RegistryError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.found.as_mut().and_then(|found| found.problem.take())
    }
}

impl State {
    fn credentials(&mut self, wire: &Wire) -> Result<Option<&Credentials>, RegistryError> {
        if self.found.is_none() {
            self.found = Some(find(&wire.reference, &wire.options)?);
        }
        Ok(self.found.as_ref().and_then(|found| found.credentials.as_ref()))
    }

    fn fetch_token(&mut self, wire: &Wire) -> Result<(), RegistryError> {
        let credentials = self.credentials(wire)?.cloned();
        let Some(service) = &self.service else { return Ok(()) };
        let asked = Instant::now();
        let result = retried(wire.options.first_wait, || service.ask(wire, credentials.as_ref()));
        let token = match result {
            Err(error) if matches!(error, RegistryError::Denied { .. }) => {
                return Err(self.found.as_mut().and_then(|found| found.problem.take()).unwrap_or(error));
            }
            other => other?,
        };
        let life = token
            .expires_in
            .filter(|life| *life > 0.0)
            .map_or(USUAL_LIFE, |life| Duration::from_secs_f64(life.min(86_400.0)));
        let text = [token.token, token.access_token].into_iter().flatten().find(|text| !text.is_empty());
        let text = text.ok_or_else(|| {
            RegistryError::shape(&service.place(), "expected a `token` or `access_token`, found neither")
        })?;
        self.header = Some(secret(wire, &format!("Bearer {text}"))?);
        // A tenth earlier, because the request is still to be made.
        self.expires = asked.checked_add(life.mul_f64(0.9));
        Ok(())
    }
}

fn secret(wire: &Wire, text: &str) -> Result<HeaderValue, RegistryError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        RegistryError::shape(&wire.place, "expected credentials that fit a header, found a line break in them")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The service that a challenge names, if it may be told credentials.
fn service(wire: &Wire, bearer: &Challenge) -> Result<Service, RegistryError> {
    let realm = bearer.get("realm").unwrap_or_default();
    let mut url = Url::parse(realm).map_err(|_| {
        RegistryError::shape(&wire.place, format!("expected the URL of a token service, found {}", quoted(realm)))
    })?;
    // Not its own: the name and password that are sent are those of the user.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    wire.may_ask("token service", &url)?;
    let usual = || format!("repository:{}:pull", wire.reference.repository());
    Ok(Service {
        realm: url,
        service: bearer.get("service").map(str::to_owned),
        scope: bearer.get("scope").filter(|scope| !scope.is_empty()).map_or_else(usual, str::to_owned),
    })
}

impl Service {
    fn place(&self) -> String {
        format!("{}{}", authority(&self.realm), self.realm.path())
    }

    fn ask(&self, wire: &Wire, credentials: Option<&Credentials>) -> Result<Token, Failed> {
        let request = match credentials {
            Some(Credentials::Identity(token)) => {
                let form =
                    self.query(&[("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", token)]);
                let form = form.query().unwrap_or_default().to_owned();
                wire.tokens
                    .post(self.realm.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form)
            }
            Some(known) => {
                let basic = secret(wire, &known.basic().unwrap_or_default())?;
                wire.tokens.get(self.query_of_realm()).header(AUTHORIZATION, basic)
            }
            None => wire.tokens.get(self.query_of_realm()),
        };
        let response = request.send().map_err(|error| wire.lost(&self.place(), error))?;
        let status = response.status().as_u16();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = body_of(response);
        match (status, body) {
            (200, Ok(body)) => Ok(serde_json::from_slice(&body).map_err(|_| {
                RegistryError::shape(&self.place(), "expected a JSON object with a token, found something else")
            })?),
            (200, Err(message)) => {
                Err(Failed::for_now(RegistryError::Connection { place: self.place(), message }, None))
            }
            (status, body) => {
                let error = self.refused(wire, status, &said(&body.unwrap_or_default()));
                match is_passing(status) {
                    true => Err(Failed::for_now(error, wait.and_then(|wait| retry_after(&wait, SystemTime::now())))),
                    false => Err(error.into()),
                }
            }
        }
    }

    fn refused(&self, wire: &Wire, status: u16, said: &str) -> RegistryError {
        let (place, what, said) = (self.place(), format!("a token for {}", wire.place), said.to_owned());
        match status {
            400 | 401 | 403 => {
                RegistryError::Denied { place, what, status, said, host: wire.reference.registry().to_owned() }
            }
            _ => RegistryError::Status { place, what, status, said },
        }
    }

    /// The realm with the service and the scopes in its query.
    fn query_of_realm(&self) -> Url {
        let mut url = self.realm.clone();
        self.add(&mut url);
        url
    }

    /// The same as the body of a form.
    fn query(&self, pairs: &[(&str, &str)]) -> Url {
        let mut url = self.realm.clone();
        url.set_query(None);
        url.query_pairs_mut().extend_pairs(pairs);
        self.add(&mut url);
        url
    }

    fn add(&self, url: &mut Url) {
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs(self.service.iter().map(|service| ("service", service)));
        pairs.extend_pairs(self.scope.split(' ').filter(|scope| !scope.is_empty()).map(|scope| ("scope", scope)));
    }
}
