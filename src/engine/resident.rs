//! Values that an engine keeps where it computes, such as a GPU's memory, handed around without being looked at.

use std::{any::Any, fmt, sync::Arc};

/// A value in an engine's own keeping. Clones share it; it is never changed after it was made, and only the engine that
/// made it can read it.
#[derive(Clone)]
pub struct Resident(Arc<dyn Any + Send + Sync>);

impl Resident {
    /// Wraps an engine's value.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// The value, if it is of this kind: if this kind of engine made it.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

/// The same value, not an equal one.
impl PartialEq for Resident {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resident")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_the_same_value_and_another_kind_is_none() {
        let value = Resident::new(7_u8);
        assert_eq!(value, value.clone());
        assert_ne!(value, Resident::new(7_u8));
        assert_eq!((value.get::<u8>(), value.get::<i8>()), (Some(&7), None));
    }
}
