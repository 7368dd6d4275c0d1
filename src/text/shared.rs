//! Rules that can be changed while the program runs; whoever writes text takes those of the moment for a whole dictation.

use std::sync::{Arc, PoisonError, RwLock};

use crate::text::Rules;

/// Shared by all its clones.
#[derive(Clone, Debug, Default)]
pub struct SharedRules(Arc<RwLock<Arc<Rules>>>);

impl SharedRules {
    /// These rules.
    pub fn new(rules: Arc<Rules>) -> Self {
        Self(Arc::new(RwLock::new(rules)))
    }

    /// The rules of the moment.
    pub fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// These rules from the next dictation on.
    pub fn set(&self, rules: Rules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}
