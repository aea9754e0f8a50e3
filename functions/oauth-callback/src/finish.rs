use axum::http::StatusCode;
use axum::response::Response;
use latchkey_core::account::{CodeOpening, LinkTicket};
use latchkey_core::audit::Requester;
use latchkey_core::oauth::{AuthorizationRequest, CodeChallenge, ExternalSignIn, Purpose};
use latchkey_core::session::{Opening, Transport};
use latchkey_core::{ExposeSecret, SessionId, UserId};
use latchkey_http::{DeviceCookies, Problem, see_other, set_cookies};

use super::{Parts, ProviderResponse, Refused};

/// The last step of an accepted authorization request, which is used up by then.
pub struct Finish<'a> {
    pub parts: &'a Parts,
    pub authorization: &'a AuthorizationRequest,
    pub from: &'a Requester,
    /// Session that the browser has now.
    pub signed_in: Option<(UserId, SessionId)>,
    /// Accounts that the browser signed in to before.
    pub devices: &'a DeviceCookies,
}

impl Finish<'_> {
    /// Identifies the person who returned, and signs them in or links the identity: one read and one commit.
    pub async fn run(&self, returned: &ProviderResponse) -> Result<Response, Refused> {
        if let Purpose::Link(ticket) = self.authorization.purpose() {
            self.demand_same_user(ticket)?;
        }
        let identified = self.parts.oauth.identify(self.authorization, returned).await?;
        match self.authorization.purpose() {
            Purpose::SignIn => self.sign_in(&identified).await,
            Purpose::Code(challenge) => self.issue_code(&identified, challenge).await,
            Purpose::Link(ticket) => self.link(&identified, ticket).await,
        }
    }

    async fn sign_in(&self, identified: &ExternalSignIn) -> Result<Response, Refused> {
        let ExternalSignIn { identity, refresh_token } = identified;
        // A form that another site posts brings no session cookie; the authorization request remembers the
        // session.
        let replaces = self.signed_in.or(self.authorization.replaces());
        let opening = Opening { transport: Transport::Cookie, replaces, from: self.from };
        let sign_in = &self.parts.sign_in;
        let entered = sign_in.sign_in(identity, refresh_token.as_ref(), &opening).await?;
        let mut response = see_other(self.authorization.return_to().url().as_str())?;
        set_cookies(response.headers_mut(), &entered.signed_in.tokens, &self.parts.config);
        self.devices.remember(&entered.signed_in, response.headers_mut());
        Ok(response)
    }

    async fn issue_code(
        &self,
        identified: &ExternalSignIn,
        challenge: &CodeChallenge,
    ) -> Result<Response, Refused> {
        let ExternalSignIn { identity, refresh_token } = identified;
        let return_to = self.authorization.return_to();
        let opening = CodeOpening { challenge, redirect_to: return_to.url().as_str(), from: self.from };
        let sign_in = &self.parts.sign_in;
        let issued = sign_in.sign_in_for_code(identity, refresh_token.as_ref(), &opening).await?;
        Ok(see_other(return_to.with("code", issued.code.expose_secret()).as_str())?)
    }

    async fn link(&self, identified: &ExternalSignIn, ticket: &LinkTicket) -> Result<Response, Refused> {
        let ExternalSignIn { identity, refresh_token } = identified;
        let identities = &self.parts.identities;
        identities.link(ticket, identity, refresh_token.as_ref(), self.from).await?;
        Ok(see_other(self.authorization.return_to().url().as_str())?)
    }

    /// Refuses if another user has signed in to this browser since. Their return must not change the account
    /// of the first user.
    fn demand_same_user(&self, ticket: &LinkTicket) -> Result<(), Refused> {
        match self.signed_in {
            Some((user, _)) if user != ticket.user() => {
                let text = "this browser is signed in to another account than the one that began to link; \
                            sign in to that account and link again";
                let problem = Problem::new(StatusCode::FORBIDDEN, "other_account", text);
                Err(Refused::because("other_account", problem))
            }
            Some(_) | None => Ok(()),
        }
    }
}
