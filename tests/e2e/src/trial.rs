//! One run of one case: its people, and what it saw.

use std::cell::RefCell;
use std::collections::BTreeMap;

use latchkey_harness::{Answer, Failure, Request, Result, bearer};
use serde_json::{Value, json};

use crate::{Cookie, PASSWORD, Person, Place, transcript};

/// The number of times that a request is sent again that was answered "come again" (503 with `Retry-After`).
const PATIENCE: u32 = 5;

/// One run of one case. Whatever it asks by [`send`](Self::send) goes into its transcript.
pub struct Trial<'a> {
    /// Where it asks.
    pub place: &'a Place,
    word: String,
    seen: RefCell<Vec<String>>,
}

impl<'a> Trial<'a> {
    /// A run in this place.
    pub fn new(place: &'a Place) -> Self {
        Self { place, word: place.word(), seen: RefCell::default() }
    }

    /// Returns its transcript.
    pub fn into_seen(self) -> Vec<String> {
        self.seen.into_inner()
    }

    /// Puts a line of the case's own into the transcript.
    pub fn note(&self, line: &str) {
        self.seen.borrow_mut().push(line.replace(&self.word, "…"));
    }

    /// Asks, and notes the answer.
    #[expect(clippy::needless_pass_by_value, reason = "a case words its requests where it sends them")]
    pub fn send(&self, request: Request) -> Result<Answer> {
        let answer = self.quietly(&request)?;
        self.seen.borrow_mut().push(transcript::line(&answer, &self.word));
        Ok(answer)
    }

    /// Asks without a note, for what is asked many times.
    pub fn quietly(&self, request: &Request) -> Result<Answer> {
        patiently(|| self.place.client.send(request))
    }

    /// Asks everything at the same moment. Who is told to come again comes again, all of these at one moment too. Notes how
    /// many answers of each kind there were, not their order.
    pub fn at_once(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let mut answers = self.place.client.at_once(requests)?;
        for _ in 0..PATIENCE {
            let places: Vec<_> = answers
                .iter()
                .enumerate()
                .filter(|(_, answer)| busy(answer))
                .map(|(place, _)| place)
                .collect();
            if places.is_empty() {
                break;
            }
            let waiting: Vec<_> = places.iter().filter_map(|place| requests.get(*place).cloned()).collect();
            for (place, answer) in places.into_iter().zip(self.place.client.at_once(&waiting)?) {
                if let Some(slot) = answers.get_mut(place) {
                    *slot = answer;
                }
            }
        }
        let mut kinds = BTreeMap::<String, u32>::new();
        for answer in &answers {
            *kinds.entry(format!("{} {}", answer.status, answer.code())).or_default() += 1;
        }
        self.note(&format!("{} at once: {kinds:?}", requests.len()));
        Ok(answers)
    }

    /// Asks with a target that goes out as it is written, and reads the answer whenever it comes.
    #[expect(clippy::needless_pass_by_value, reason = "a case words its requests where it sends them")]
    pub fn send_raw(&self, request: Request) -> Result<Answer> {
        let answer = patiently(|| self.place.client.send_raw(&request))?;
        self.seen.borrow_mut().push(transcript::line(&answer, &self.word));
        Ok(answer)
    }

    /// An address that only this case has.
    pub fn email(&self, name: &str) -> String {
        format!("{name}.{}@example.com", self.word)
    }

    /// The name of a role that only this case has.
    pub fn role(&self, name: &str) -> String {
        format!("{name}-{}", self.word)
    }

    /// Somebody new, with bearer tokens.
    pub fn sign_up(&self, name: &str) -> Result<Person> {
        let body = bearer(&self.email(name), PASSWORD);
        Person::read(&self.send(Request::post("/v1/signup").json(&body))?.ok(201)?)
    }

    /// The answer to a sign-in that asks for bearer tokens.
    pub fn try_sign_in(&self, email: &str, password: &str) -> Result<Answer> {
        self.send(Request::post("/v1/signin").json(&bearer(email, password)))
    }

    /// Signs somebody in once more.
    pub fn sign_in(&self, person: &Person) -> Result<Person> {
        Person::read(&self.try_sign_in(&person.email, PASSWORD)?.ok(200)?)
    }

    /// An administrator, in a session of this case's own.
    pub fn admin(&self) -> Result<Person> {
        let known = self.place.admin.as_ref();
        let admin = known.ok_or(Failure::Skipped("no administrator is known here"))?;
        Person::read(&self.try_sign_in(&admin.email, &admin.password)?.ok(200)?)
    }

    /// A browser's sign-up: the values of its access and refresh cookies.
    pub fn sign_up_in_browser(&self, name: &str) -> Result<(String, String)> {
        let body = json!({ "email": self.email(name), "password": PASSWORD });
        let answer = self.send(Request::post("/v1/signup").json(&body))?.ok(201)?;
        let value = |cookie| Ok::<_, Failure>(answer.set_cookie(&self.place.cookie(cookie))?.0);
        Ok((value(Cookie::Access)?, value(Cookie::Refresh)?))
    }

    /// The answer to a refresh.
    pub fn refresh(&self, token: &str) -> Result<Answer> {
        self.send(Request::post("/v1/token/refresh").json(&json!({ "refresh_token": token })))
    }

    /// Asks on behalf of somebody.
    pub fn ask(&self, request: Request, person: &Person) -> Result<Answer> {
        self.send(request.bearer(&person.access))
    }

    /// The decision of a permission check as of now.
    pub fn may(&self, person: &Person, permission: &str) -> Result<bool> {
        let body = json!({ "permission": permission, "fresh": true });
        let answer = self.ask(Request::post("/v1/permissions/check").json(&body), person)?.ok(200)?;
        Ok(answer.member("allowed") == Value::Bool(true))
    }

    /// Fails unless somebody's session is over, asked as of now.
    pub fn is_out(&self, person: &Person) -> Result {
        let body = json!({ "permission": "products:read", "fresh": true });
        self.ask(Request::post("/v1/permissions/check").json(&body), person)?
            .problem(401, "session_ended")?;
        self.refresh(&person.refresh)?.problem(401, "invalid_refresh_token")?;
        Ok(())
    }

    /// Makes a role of this case, which [`drop_role`](Self::drop_role) removes.
    pub fn make_role(&self, admin: &Person, name: &str, permissions: &[&str]) -> Result<String> {
        let role = self.role(name);
        let body = json!({ "permissions": permissions });
        self.ask(Request::put(&format!("/v1/roles/{role}")).json(&body), admin)?.ok(201)?;
        Ok(role)
    }

    /// Removes a role: a place has room for so many.
    pub fn drop_role(&self, admin: &Person, role: &str) -> Result {
        self.ask(Request::delete(&format!("/v1/roles/{role}")), admin)?.ok(204)?;
        Ok(())
    }

    /// Grants a role.
    pub fn grant(&self, admin: &Person, to: &Person, role: &str) -> Result {
        self.ask(Request::put(&format!("/v1/users/{}/roles/{role}", to.id)), admin)?.ok(200)?;
        Ok(())
    }
}

/// Asks until the answer is another than to come again. Like a browser it also asks again where a server has ended a connection
/// that was kept: one that has answered early may do that, before it has looked at the next request.
fn patiently(ask: impl Fn() -> Result<Answer>) -> Result<Answer> {
    for _ in 0..PATIENCE {
        match ask() {
            Ok(answer) if busy(&answer) => {}
            Err(failure) if failure.is_reset() => {}
            outcome => return outcome,
        }
    }
    ask()
}

fn busy(answer: &Answer) -> bool {
    answer.status == 503 && answer.headers.contains_key("retry-after")
}
