//! What API Gateway is told.

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerPolicy as Policy, ApiGatewayCustomAuthorizerResponse as PolicyResponse,
    ApiGatewayV2CustomAuthorizerSimpleResponse as SimpleResponse,
};
use aws_lambda_events::iam::{IamPolicyEffect, IamPolicyStatement};
use serde_json::{Value, json};

use crate::event::Form;

/// Whether a call is let through.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Yes.
    Allow(CallerContext),
    /// No.
    Deny {
        /// Why, for programs: mostly that of the permission check's problem.
        code: String,
    },
}

/// Who calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallerContext {
    /// The user's id.
    pub user: String,
    /// The session's id.
    pub session: String,
    /// The roles, with commas between.
    pub roles: String,
}

impl Decision {
    /// No, because of `code`.
    pub fn deny(code: &str) -> Self {
        Self::Deny { code: code.to_owned() }
    }

    fn allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// What the API behind gets to know. Plain texts only, since a REST API takes nothing else.
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

/// Renders the response in the form that was asked for.
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

/// About this call alone, since other routes may demand more: where decisions are remembered and the identity sources do not
/// name the route, other calls are refused rather than let through.
fn policy(allowed: bool, arn: &str) -> Policy {
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".to_owned()];
    // The path of the call is part of the ARN, so a caller chooses some of its characters. These would stand for others; a
    // `$` alone does not, and is in the name of the stage `$default`.
    let exact = !arn.contains(['*', '?']) && !arn.contains("${");
    statement.effect = if allowed && exact { IamPolicyEffect::Allow } else { IamPolicyEffect::Deny };
    statement.resource = vec![arn.to_owned()];
    let mut policy = Policy::default();
    policy.version = Some("2012-10-17".to_owned());
    policy.statement = vec![statement];
    policy
}
