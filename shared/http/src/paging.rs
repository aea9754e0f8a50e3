//! Pages of lists: `limit` and `cursor` in the request, `next` in the response.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::Problem;

/// Size of a page if the request names none.
pub const DEFAULT_LIMIT: u32 = 50;
/// Size of the largest page.
pub const MAX_LIMIT: u32 = 200;

/// Page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageParams {
    /// Maximum number of items on the page: 1 to 200, 50 by default.
    limit: Option<u32>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

impl PageParams {
    /// Returns the maximum number of items on the page.
    pub fn size(&self) -> Result<usize, Problem> {
        let limit = page_size(self.limit)?;
        Ok(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// Returns the last item of the previous page.
    pub fn cursor<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        let parse = |text: &String| {
            text.parse().map_err(|_| Problem::invalid("the cursor is not from this list; use its `next`"))
        };
        self.cursor.as_ref().map(parse).transpose()
    }

    /// Returns a page of a list that is in memory as a whole, in the order of `key`, and its `next`.
    pub fn of<T>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let size = self.size()?;
        let is_later = |item: &T| self.cursor.as_ref().is_none_or(|cursor| key(item) > *cursor);
        let mut items: Vec<T> = items.into_iter().filter(is_later).collect();
        let is_last = items.len() <= size;
        items.truncate(size);
        let next = items.last().map(key).filter(|_| !is_last);
        Ok((items, next))
    }
}

/// Checks the size that a request asks for.
pub fn page_size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::invalid("`limit` must be a number from 1 to 200")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_whole_list_come_one_after_the_other_and_end() {
        let all: Vec<String> = (0..7).map(|n| format!("item{n}")).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let params = PageParams { limit: Some(3), cursor: cursor.take() };
            let (page, next) = params.of(all.clone(), Clone::clone).unwrap();
            seen.push(page.len());
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [3, 3, 1]);
        let exact = PageParams { limit: Some(7), cursor: None };
        assert_eq!(exact.of(all, Clone::clone).unwrap().1, None);
    }

    #[test]
    fn a_limit_out_of_bounds_is_refused() {
        for limit in [0, 201, u32::MAX] {
            assert!(PageParams { limit: Some(limit), cursor: None }.size().is_err());
        }
        assert_eq!(PageParams::default().size().unwrap(), 50);
    }
}
