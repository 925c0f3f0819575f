//! What a selector has found: [`Selection`].

use std::fmt;
use std::sync::Arc;

use super::error::NothingSelected;
use super::explain::Explanation;
use super::matching::{Matches, evaluate};
use super::selector::{IntoSelector, Selector};
use super::siblings::{Gap, gaps};
use super::source::{Item, Source};
use crate::error::{Error, Result};
use crate::name::ParamPath;
use crate::param::{Parameter, ParameterDict};

/// The parameters that a [`Selector`] has found in a block or a set, in the order of the walk,
/// each once.
///
/// Its verbs change all of them, or none. They refuse to do nothing: a selection of no parameters
/// is an error there, which names the nearest path. And they warn (by the crate `log`) when a
/// pattern matches some of several equal layers: see [`Gap`].
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = sequential![Dense::new(4), Dense::new(2)];
/// let weights = net.select("*.weight")?;
/// assert_eq!(weights.len(), 2);
/// weights.initialize_with(&init::Normal::new(0.01), Reinit::Keep)?;
/// assert_eq!(net.select("kind:bias")?.paths().next().unwrap(), ["0.bias"]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone)]
pub struct Selection {
    selector: Selector,
    source: Arc<Source>,
    matches: Matches,
    /// The positions of the selected items.
    selected: Box<[usize]>,
}

impl Selection {
    pub(crate) fn new(selector: Selector, source: Source) -> Result<Selection> {
        let matches = evaluate(&selector, &source)?;
        let selected = (0..source.items.len()).filter(|i| matches.selected.get(*i)).collect();
        Ok(Selection { selector, source: Arc::new(source), matches, selected })
    }

    /// What it was selected by.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.selected.len()
    }

    /// Whether nothing was selected.
    pub fn is_empty(&self) -> bool {
        self.selected.is_empty()
    }

    /// The parameters, in the order of the walk.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.items().map(|item| &item.parameter)
    }

    /// For each parameter all of its paths, those included that the selector does not match.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &[ParamPath]> {
        self.items().map(|item| item.paths.as_slice())
    }

    /// The parameters by name.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] if two different parameters have one name.
    pub fn params(&self) -> Result<ParameterDict> {
        let mut params = ParameterDict::new(&self.source.prefix);
        self.iter().try_for_each(|parameter| params.insert(parameter))?;
        Ok(params)
    }

    /// What each term of the selector matches, and what looks like a mistake.
    pub fn explain(&self) -> Explanation {
        Explanation::of(&self.selector, &self.source, &self.matches)
    }

    /// The equal layers of which a pattern matches only some.
    pub fn gaps(&self) -> Vec<Gap> {
        gaps(&self.selector, &self.source, &self.matches)
    }

    pub(super) fn items(&self) -> impl ExactSizeIterator<Item = &Item> {
        self.selected.iter().map(|i| &self.source.items[*i])
    }

    /// What every verb does first: refuses a selection of nothing, and warns of one with gaps.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_empty() {
            let explanation = self.explain();
            let missed = explanation.terms.iter().find(|term| term.matched == 0);
            return Err(Error::NothingSelected(Box::new(NothingSelected {
                selector: self.selector.to_string().into(),
                source: self.source.name.clone(),
                total: self.source.items.len(),
                term: missed.map(|term| term.text.clone()),
                nearest: missed.map(|term| term.nearest.clone()).unwrap_or_default(),
            })));
        }
        for gap in self.gaps() {
            log::warn!("{gap}");
        }
        Ok(())
    }

    /// Those of it that another selector takes as well.
    pub(crate) fn narrow(&self, selector: &Selector) -> Result<Selection> {
        let selector = self.selector.clone() & selector.clone();
        let matches = evaluate(&selector, &self.source)?;
        let n_items = self.source.items.len();
        let selected = (0..n_items).filter(|i| matches.selected.get(*i)).collect();
        Ok(Selection { selector, source: self.source.clone(), matches, selected })
    }

    /// Every path that could have been selected, with its parameter and whether that is selected.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (&ParamPath, &Parameter, bool)> {
        self.source.entries.iter().map(|(path, i)| {
            (path, &self.source.items[*i].parameter, self.matches.selected.get(*i))
        })
    }

    /// What the names of the parameters start with that could have been selected.
    pub(crate) fn prefix(&self) -> &str {
        &self.source.prefix
    }
}

impl ParameterDict {
    /// The parameters that a selector takes, where the names of the set are the paths.
    ///
    /// # Errors
    /// [`Error::Selector`] if a text does not parse; [`Error::Pattern`] if a regular expression
    /// backtracks beyond its limit.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let params = Dense::with_prefix("fc_", 4).collect_params()?;
    /// assert_eq!(params.selection("fc_* & !kind:bias")?.len(), 1);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn selection(&self, selector: impl IntoSelector) -> Result<Selection> {
        Selection::new(selector.into_selector()?, Source::of_dict(self))
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("selector", &format_args!("{}", self.selector))
            .field("paths", &self.paths().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
