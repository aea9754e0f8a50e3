//! Responses to API Gateway.

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerPolicy as Policy, ApiGatewayCustomAuthorizerResponse as PolicyResponse,
    ApiGatewayV2CustomAuthorizerSimpleResponse as SimpleResponse,
};
use aws_lambda_events::iam::{IamPolicyEffect, IamPolicyStatement};
use serde_json::{Value, json};

use crate::event::Form;

/// Decision about a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The call may pass.
    Allow(CallerContext),
    /// The call is refused.
    Deny {
        /// Reason, for programs; usually the code of the permission check's problem.
        code: String,
    },
}

/// The caller of an allowed call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallerContext {
    /// Identifier of the user.
    pub user: String,
    /// Identifier of the session.
    pub session: String,
    /// Roles, separated by commas.
    pub roles: String,
}

impl Decision {
    /// Returns a refusal with `code`.
    pub fn deny(code: &str) -> Self {
        Self::Deny { code: code.to_owned() }
    }

    fn allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// Returns the context for the protected API. Values are plain texts, because a REST API accepts nothing
    /// else.
    fn context(&self) -> Value {
        match self {
            Self::Allow(CallerContext { user, session, roles }) => {
                json!({ "user": user, "session": session, "roles": roles })
            }
            Self::Deny { code } => json!({ "code": code }),
        }
    }

    fn principal(&self) -> &str {
        match self {
            Self::Allow(holder) => &holder.user,
            Self::Deny { .. } => "anonymous",
        }
    }
}

/// Renders the response in the form that API Gateway expects.
pub(crate) fn render(decision: &Decision, form: &Form) -> Result<Value, serde_json::Error> {
    match form {
        Form::Simple => {
            let mut response = SimpleResponse::<Value>::default();
            response.is_authorized = decision.allowed();
            response.context = decision.context();
            serde_json::to_value(response)
        }
        Form::Policy { arn } => {
            let mut response = PolicyResponse::<Value>::default();
            response.principal_id = Some(decision.principal().to_owned());
            response.policy_document = policy(decision.allowed(), arn);
            response.context = decision.context();
            serde_json::to_value(response)
        }
    }
}

/// Returns a policy about this call alone, because other routes may need more. If decisions are cached and
/// the identity sources do not include the route, calls of other routes are refused rather than let through.
fn policy(allowed: bool, arn: &str) -> Policy {
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".to_owned()];
    // The path of the call is part of the ARN, so the caller chooses some of its characters. These would act
    // as wildcards or variables. A single `$` does not, and the stage name `$default` contains one.
    let exact = !arn.contains(['*', '?']) && !arn.contains("${");
    statement.effect = if allowed && exact { IamPolicyEffect::Allow } else { IamPolicyEffect::Deny };
    statement.resource = vec![arn.to_owned()];
    let mut policy = Policy::default();
    policy.version = Some("2012-10-17".to_owned());
    policy.statement = vec![statement];
    policy
}
