//! What keeps an account its owner's: the password, a second factor for members of staff, and where
//! somebody is logged in.
//!
//! What is shown once (the key of a second factor, recovery codes) stands in the answer to the form itself:
//! it is in no address, and nobody keeps it.

use super::login::second_factor;
use super::{Frame, Own, SECURITY, Tab};
use crate::actors::accounts::{Caller, SecondFactorState, StaffCaller};
use crate::actors::pools::Password;
use crate::domain::SessionId;
use crate::http::api::auth::problem;
use crate::http::api::dto::second_factor::{TotpBegin, TotpConfirm};
use crate::http::api::dto::user::MeUpdate;
use crate::http::api::sessions::own_sessions;
use crate::http::api::totp;
use crate::http::api::users::me;
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::client::Client;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use crate::http::storefront::answer::{secret, see_other};
use crate::http::storefront::form::{Faults, Field, read};
use crate::http::storefront::lists;
use crate::http::storefront::shell::{Head, Shell};
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;

const LABELS: [(&str, &str); 5] = [
    ("currentPassword", "The current password"),
    ("password", "The new password"),
    ("factorPassword", "The password"),
    ("code", "The code"),
    ("recovery", "The code"),
];

#[derive(Template)]
#[template(path = "storefront/account/security.html")]
struct SecurityPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    faults: Faults,
    email: String,
    /// What was just done.
    done: Option<&'static str>,
    /// Of an account that a password opens.
    password: Option<(Field, Field)>,
    factor: Option<Factor>,
    logins: Vec<Login>,
}

/// The second factor of a member of staff.
struct Factor {
    /// How many recovery codes are left, where it is on.
    codes_left: Option<usize>,
    /// What an authenticator has to know, once.
    secret: Option<String>,
    /// Whether the first code is waited for.
    is_begun: bool,
    password: Field,
    code: Field,
    /// Codes for the day on which the device is lost, once.
    recovery_codes: Vec<String>,
}

/// Somewhere where the account is logged in.
struct Login {
    device: String,
    details: String,
    is_current: bool,
    path: String,
}

/// What a page shows beside what is always there.
#[derive(Default)]
struct Said {
    faults: Faults,
    done: Option<&'static str>,
    secret: Option<String>,
    is_begun: bool,
    recovery_codes: Vec<String>,
}

impl Said {
    fn refused(faults: Faults) -> Said {
        Said { faults, ..Said::default() }
    }
}

pub async fn show(State(app): State<App>, own: Own, uri: Uri) -> Result<Response, ApiError> {
    let done = match lists::Asked::of(uri.query()).get("done") {
        Some("password") => {
            Some("Your password is changed, and you are logged out everywhere else.")
        }
        Some("factor") => Some("Your second factor is off."),
        _ => None,
    };
    page(&app, &own, Said { done, ..Said::default() })
}

fn page(app: &App, own: &Own, said: Said) -> Result<Response, ApiError> {
    let Own { visitor, caller, shown } = own;
    let is_customer = matches!(caller, Caller::Customer(_));
    let title = said.faults.titled("Security");
    let Frame { shell, head, tabs } = Frame::new(app, visitor, SECURITY, is_customer, title);
    let has_password = app.shop.accounts.has_password(caller.holder());
    let field = |field: Field| field.on(&shell.assets, &said.faults);
    let password = has_password.then(|| {
        let current = field(Field::password("currentPassword", "Current password"));
        (current, field(Field::new_password("New password")))
    });
    let look = app.look();
    let logins = own_sessions(app, shown, caller.holder())?.into_iter().map(|login| Login {
        device: device(&login.user_agent),
        details: format!(
            "From {}, last used on {}",
            login.address,
            look.date(login.last_used_at.0)
        ),
        is_current: login.current,
        path: format!("{SECURITY}/sessions/{}/end", login.session_id),
    });
    let status = status(&said.faults);
    let page = SecurityPage {
        email: caller.email().to_owned(),
        done: said.done,
        password,
        logins: logins.collect(),
        factor: factor(app, caller, &shell.assets, &said),
        faults: said.faults,
        shell,
        head,
        tabs,
    };
    secret(app, visitor, status, &page)
}

fn status(faults: &Faults) -> StatusCode {
    if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

fn factor(app: &App, caller: &Caller, assets: &str, said: &Said) -> Option<Factor> {
    let Caller::Staff(member) = caller else { return None };
    let state = app.shop.accounts.second_factor(member.staff);
    let codes_left = match state {
        SecondFactorState::Off => None,
        SecondFactorState::On { recovery_codes_left } => Some(recovery_codes_left),
    };
    let is_off = codes_left.is_none();
    let code = if is_off {
        Field { inputmode: Some("numeric"), ..Field::text("code", "Code", "one-time-code") }
    } else {
        Field::text("recovery", "Code", "one-time-code").hinting("Or one of your recovery codes.")
    };
    Some(Factor {
        codes_left,
        secret: said.secret.clone(),
        is_begun: said.is_begun,
        password: Field::password("factorPassword", "Password").on(assets, &said.faults),
        code: Field { most: 64, ..code }.on(assets, &said.faults),
        recovery_codes: said.recovery_codes.clone(),
    })
}

/// What a client that called itself this is to people: `Firefox on Linux`.
fn device(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    // Each of these calls itself by the names of those after it, too.
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "an iPhone"),
        ("iPad", "an iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "a Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) if user_agent.trim().is_empty() => "A device that did not say".to_owned(),
        (None, _) => user_agent.chars().take(40).collect(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passwords {
    #[serde(default)]
    current_password: String,
    #[serde(default)]
    password: String,
}

pub async fn change_password(
    State(app): State<App>,
    own: Own,
    Client(address): Client,
    form: Result<Form<Passwords>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    if form.password.is_empty() {
        let faults = Faults::one("password", "The new password is required");
        return page(&app, &own, Said::refused(faults));
    }
    let values =
        [("currentPassword", form.current_password.as_str()), ("password", form.password.as_str())];
    if let Err(faults) = read::<MeUpdate>(&values, &LABELS)? {
        return page(&app, &own, Said::refused(faults));
    }
    let (old, new) = (Password::from(form.current_password), Password::from(form.password));
    match me::change_password(&app, &own.caller, own.shown.clone(), address, old, new).await {
        Ok(()) => see_other(&app, &own.visitor, &format!("{SECURITY}?done=password")),
        Err(error) => page(&app, &own, Said::refused(Faults::of(error, &LABELS)?)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begin {
    #[serde(default)]
    factor_password: String,
}

#[derive(Deserialize)]
pub struct Confirm {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    #[serde(default)]
    factor_password: String,
    #[serde(default)]
    recovery: String,
}

/// The second factor is for those who may do harm; others are shown what they have.
fn member(own: &Own) -> Option<&StaffCaller> {
    match &own.caller {
        Caller::Staff(member) => Some(member),
        Caller::Customer(_) | Caller::Key(_) => None,
    }
}

/// What is said where a second factor was not begun, confirmed or taken away.
fn said_of(error: ApiError, code: &str) -> Result<Faults, ApiError> {
    match error {
        ApiError::BadCredentials => {
            Ok(Faults::one("factorPassword", "The password is not the right one"))
        }
        ApiError::TotpInvalid | ApiError::TotpRequired => {
            Ok(Faults::one(code, "That code is not right, or it was used already"))
        }
        other => Err(other),
    }
}

/// Shows the key for an authenticator to whoever shows their password.
pub async fn begin_factor(
    State(app): State<App>,
    own: Own,
    Client(address): Client,
    form: Result<Form<Begin>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let Some(member) = member(&own) else { return see_other(&app, &own.visitor, SECURITY) };
    if read::<TotpBegin>(&[("password", form.factor_password.as_str())], &LABELS)?.is_err() {
        let faults = Faults::one("factorPassword", "The password is required");
        return page(&app, &own, Said::refused(faults));
    }
    let password = Password::from(form.factor_password);
    match totp::begun(&app, member, address, password).await {
        Ok(begun) => {
            let secret = Some(in_groups(&begun.secret));
            page(&app, &own, Said { secret, is_begun: true, ..Said::default() })
        }
        Err(ApiError::Conflict { .. }) => see_other(&app, &own.visitor, SECURITY),
        Err(error) => page(&app, &own, Said::refused(said_of(error, "code")?)),
    }
}

/// A key as it is typed with least errors.
fn in_groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

pub async fn confirm_factor(
    State(app): State<App>,
    own: Own,
    Client(address): Client,
    form: Result<Form<Confirm>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let Some(member) = member(&own) else { return see_other(&app, &own.visitor, SECURITY) };
    let refused = |faults| Said { faults, is_begun: true, ..Said::default() };
    if read::<TotpConfirm>(&[("totp", form.code.as_str())], &[("totp", "The code")])?.is_err() {
        return page(&app, &own, refused(Faults::one("code", "Enter the six digits")));
    }
    match totp::confirmed(&app, member, address, form.code).await {
        Ok(recovery_codes) => page(&app, &own, Said { recovery_codes, ..Said::default() }),
        Err(ApiError::Conflict { .. }) => see_other(&app, &own.visitor, SECURITY),
        Err(error) => page(&app, &own, refused(said_of(error, "code")?)),
    }
}

pub async fn remove_factor(
    State(app): State<App>,
    own: Own,
    Client(address): Client,
    form: Result<Form<Remove>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let Some(member) = member(&own) else { return see_other(&app, &own.visitor, SECURITY) };
    let fault = |field, text: &str| page(&app, &own, Said::refused(Faults::one(field, text)));
    if read::<TotpBegin>(&[("password", form.factor_password.as_str())], &LABELS)?.is_err() {
        return fault("factorPassword", "The password is required");
    }
    if form.recovery.trim().is_empty() || form.recovery.len() > 64 {
        return fault("recovery", "The code is required");
    }
    let shown = second_factor(&form.recovery);
    let password = Password::from(form.factor_password);
    match totp::removed(&app, member, address, password, shown).await {
        Ok(()) => see_other(&app, &own.visitor, &format!("{SECURITY}?done=factor")),
        Err(ApiError::Conflict { .. }) => see_other(&app, &own.visitor, SECURITY),
        Err(error) => page(&app, &own, Said::refused(said_of(error, "recovery")?)),
    }
}

/// Ends a login somewhere else, at once.
pub async fn end_session(
    State(app): State<App>,
    own: Own,
    Named(session): Named<SessionId>,
) -> Result<Response, ApiError> {
    let (accounts, holder) = (app.shop.accounts.clone(), own.caller.holder());
    let ended = detached(async move { accounts.end_session(holder, session).await }).await;
    ended.map_err(problem)?;
    see_other(&app, &own.visitor, SECURITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_what_people_call_it() {
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on an iPhone",
            ),
            ("curl/8.5.0", "curl/8.5.0"),
            (" ", "A device that did not say"),
        ] {
            assert_eq!(device(user_agent), expected);
        }
    }

    #[test]
    fn a_key_is_typed_in_groups() {
        assert_eq!(in_groups("JBSWY3DPEH"), "JBSW Y3DP EH");
    }
}
