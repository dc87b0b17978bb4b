//! An event that matches nothing allocates nothing.
